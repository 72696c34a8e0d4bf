"""The staff's pages of the contact log: the queue, an entry, a person's history, a search."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from heyan import clock, web
from heyan.access import Permission, requires
from heyan.contacts import entry_page, reading, service, wording
from heyan.contacts.forms import (
    CloseForm,
    ConsentForm,
    EntryForm,
    FeedbackForm,
    FollowUpForm,
    ReasonForm,
    SearchForm,
)
from heyan.contacts.models import (
    ContactChannel,
    ContactDirection,
    ContactKind,
    ContactOutcome,
    RecordingConsent,
)
from heyan.contacts.reading import NotNow, View
from heyan.contacts.recording_consent import not_asked_before
from heyan.contacts.recording_views import add_routes
from heyan.contacts.service import Changed, ContactUnknown, Entry
from heyan.leads.hours import may_call

staff_pages = Blueprint("staff_contacts", __name__, url_prefix="/staff/contacts")
add_routes(staff_pages)
Page = str | Response | tuple[str, int]


def _uuid(text: str | None) -> uuid.UUID | None:
    """Return the id that *text* is, or None for nothing; nonsense is a thing not found."""
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        abort(404)


def _list(page: reading.Page, next_url: str | None, **more: Any) -> str:
    settings = web.settings()
    return render_template(
        "contacts/index.html",
        lines=page.lines,
        next_url=next_url,
        views=wording.VIEWS,
        clerks=reading.clerks(web.session()),
        may_call=may_call(settings, clock.now()),
        hours=(settings.call_from_hour, settings.call_until_hour),
        **{"search_form": SearchForm(formdata=None), **entry_page.words(), **more},
    )


@staff_pages.get("")
@requires(Permission.CONTACTS_WORK)
def index() -> Page:
    """List the log: what is due first."""
    view = next((each for each in View if each.value == request.args.get("state")), View.LIVE)
    after = request.args.get("after")
    found = reading.queue(web.session(), web.settings(), web.actor(), view=view, after=after)
    next_url = url_for("staff_contacts.index", state=view.value, after=found.after)
    web.shows("contacts.listed", "contact", view=view.value, ids=[line.id for line in found.lines])
    return _list(found, next_url if found.after else None, view=view)


@staff_pages.post("/search")
@requires(Permission.CONTACTS_WORK)
def search() -> Page:
    """Find a person by number; the number stands in no address."""
    form = SearchForm()
    if not form.validate():
        return _list(reading.Page([], None), None, view=None, search_form=form), 422
    found = reading.search(web.session(), web.actor(), form.phone.e164)
    return _list(reading.Page(found.lines, None), None, view=None, found=found)


@staff_pages.get("/history/lead/<uuid:lead_id>")
@requires(Permission.CONTACTS_WORK)
def lead_history(lead_id: uuid.UUID) -> Page:
    """List everything of the person behind a lead."""
    return _history(lead_id=lead_id)


@staff_pages.get("/history/account/<uuid:account_id>")
@requires(Permission.CONTACTS_WORK)
def account_history(account_id: uuid.UUID) -> Page:
    """List everything of the person behind an account."""
    return _history(account_id=account_id)


def _history(*, lead_id: uuid.UUID | None = None, account_id: uuid.UUID | None = None) -> Page:
    session, after = web.session(), request.args.get("after")
    try:
        found = reading.history(session, lead_id=lead_id, account_id=account_id, after=after)
    except ContactUnknown:
        abort(404)
    kind, subject = ("lead", lead_id) if lead_id else ("account", account_id)
    web.shows("contacts.listed", kind, subject, ids=[line.id for line in found.lines])
    person = {"lead": str(lead_id)} if lead_id else {"account": str(account_id)}
    if lead_id:
        next_url = url_for("staff_contacts.lead_history", lead_id=lead_id, after=found.after)
    else:
        next_url = url_for(
            "staff_contacts.account_history", account_id=account_id, after=found.after
        )
    return _list(found, next_url if found.after else None, view=None, person=person)


@staff_pages.route("/new", methods=["GET", "POST"])
@requires(Permission.CONTACTS_WORK)
def new() -> Page:
    """Write an entry down."""
    form = EntryForm() if request.method == "POST" else EntryForm(formdata=None)
    lead_id, account_id = _uuid(request.args.get("lead")), _uuid(request.args.get("account"))
    entry_page.offer_owners(form.owner, web.session())
    if request.method != "POST":
        form.owner.data = str(web.account_id())
        return _new_page(form, lead_id, account_id)
    if not form.validate():
        return _new_page(form, lead_id, account_id), 422
    try:
        contact_id = service.write_down(
            web.session(),
            web.settings(),
            web.actor(),
            web.evidence(),
            Entry(
                channel=ContactChannel(form.channel.data),
                direction=ContactDirection(form.direction.data),
                kind=ContactKind(form.kind.data),
                note=form.note.data or "",
                name=form.name.data or "",
                phone=form.phone.e164,
                reply_to=form.reply_to.data or "",
                lead_id=lead_id,
                account_id=account_id,
                registration_number=(form.registration.data or "").upper(),
                owner_id=entry_page.owner(form.owner.data, web.session()),
                at=form.at.moment,
                due_at=form.due.moment,
                consent=RecordingConsent(form.consent.data),
                consent_way=form.way.data,
            ),
        )
    except ContactUnknown:
        if not form.registration.data:
            abort(404)
        form.registration.errors = [_("没有这个报名编号，请核对后再填，或留空。")]
        return _new_page(form, lead_id, account_id), 422
    web.flash("success", _("已记录。"))
    return redirect(url_for("staff_contacts.show", contact_id=contact_id), 303)


def _new_page(form: EntryForm, lead_id: uuid.UUID | None, account_id: uuid.UUID | None) -> str:
    until = not_asked_before(web.session(), account_id=account_id, lead_id=lead_id)
    return render_template(
        "contacts/new.html", form=form, lead_id=lead_id, account_id=account_id, not_asked=until
    )


@staff_pages.get("/<uuid:contact_id>")
@requires(Permission.CONTACTS_WORK)
def show(contact_id: uuid.UUID) -> Page:
    """Show one entry: masked without a standing grant."""
    return entry_page.page(contact_id)


@staff_pages.post("/<uuid:contact_id>/reveal")
@requires(Permission.CONTACTS_WORK)
def reveal(contact_id: uuid.UUID) -> Page:
    """Show one entry in clear once, for a reason that is put on record."""
    form = ReasonForm()
    if not form.validate():
        return entry_page.page(contact_id, reason_form=form, status=422)
    try:
        return entry_page.page(contact_id, reason=form.reason.data)
    except NotNow:
        words = _("现在不在可以拨打的时间内，或者对方要求勿再联系，号码不显示。")
        return entry_page.page(contact_id, problem=words, status=409)


@staff_pages.post("/<uuid:contact_id>/follow-up")
@requires(Permission.CONTACTS_WORK)
def follow_up(contact_id: uuid.UUID) -> Page:
    """Add to an entry, hand it on, say by when."""
    form = FollowUpForm()
    entry_page.offer_owners(form.owner, web.session())
    if not form.validate() or form.due.moment is None:
        return entry_page.page(contact_id, follow_form=form, status=422)

    def act() -> None:
        service.follow_up(
            web.session(),
            web.actor(),
            contact_id,
            note=form.text.data or "",
            kind=ContactKind(form.kind.data),
            waiting=form.state.data == "waiting",
            owner_id=entry_page.owner(form.owner.data, web.session()),
            due_at=form.due.moment or clock.now(),
            expected_owner=_uuid(form.expected.data),
        )

    return _done(contact_id, act, _("已记录处理经过。"))


@staff_pages.post("/<uuid:contact_id>/close")
@requires(Permission.CONTACTS_WORK)
def close(contact_id: uuid.UUID) -> Page:
    """Close an entry with its outcome."""
    form = CloseForm()
    if not form.validate():
        return entry_page.page(contact_id, close_form=form, status=422)
    return _done(
        contact_id,
        lambda: service.close(
            web.session(),
            web.actor(),
            contact_id,
            ContactOutcome(form.outcome.data),
            form.result.data or "",
        ),
        _("已办结。"),
    )


@staff_pages.post("/<uuid:contact_id>/feedback")
@requires(Permission.CONTACTS_WORK)
def feedback(contact_id: uuid.UUID) -> Page:
    """Write that the result was told to the person."""
    form = FeedbackForm()
    if not form.validate():
        return entry_page.page(contact_id, feedback_form=form, status=422)
    return _done(
        contact_id,
        lambda: service.feedback_sent(
            web.session(), web.actor(), contact_id, ContactChannel(form.by.data)
        ),
        _("已记录：结果已反馈给对方。"),
    )


@staff_pages.post("/<uuid:contact_id>/consent")
@requires(Permission.CONTACTS_WORK)
def consent(contact_id: uuid.UUID) -> Page:
    """Write what the person said to being recorded."""
    form = ConsentForm()
    if not form.validate():
        return entry_page.page(contact_id, consent_form=form, status=422)
    return _done(
        contact_id,
        lambda: service.settle_consent(
            web.session(),
            web.actor(),
            web.evidence(),
            contact_id,
            RecordingConsent(form.consent.data),
            form.way.data,
        ),
        _("已记录对方对录音的意思。"),
    )


@staff_pages.post("/<uuid:contact_id>/do-not-contact")
@requires(Permission.CONTACTS_WORK)
def do_not_contact(contact_id: uuid.UUID) -> Page:
    """Keep the number out of every list of calls."""
    return _done(
        contact_id,
        lambda: service.do_not_contact(web.session(), web.actor(), contact_id),
        _("已记录：以后不再给这个号码打电话。"),
    )


def _done(contact_id: uuid.UUID, act: Any, words: str) -> Page:
    try:
        act()
    except ContactUnknown:
        abort(404)
    except Changed:
        told = _("这条记录刚刚已经由别的同事改动或办结，下面是现在的状态。")
        return entry_page.page(contact_id, problem=told, status=409)
    web.flash("success", words)
    return redirect(url_for("staff_contacts.show", contact_id=contact_id), 303)
