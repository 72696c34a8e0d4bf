"""Staff pages of events: the list, one event, what it asks for, publishing and closing."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from heyan import paging, web
from heyan.access import Permission, requires
from heyan.assessments import service as assessments
from heyan.documents.kinds import WORDS, label
from heyan.events import asking, editing
from heyan.events.forms import (
    KB,
    PROBLEMS,
    EventForm,
    FieldForm,
    KindForm,
    say_problems,
)
from heyan.events.models import DocumentKind, Event, EventField, EventKind, EventStatus
from heyan.events.wording import title_of
from heyan.organizations import service as organizations

staff_pages = Blueprint("staff_events", __name__, url_prefix="/staff/events")
Page = str | Response | tuple[str, int]
STATUS_WORDS = {
    "draft": "badge-quiet",
    "published": "badge-done",
    "closed": "badge-plain",
    "ended": "badge-plain",
}


@staff_pages.context_processor
def _words() -> dict[str, Any]:
    """Titles of events in the page's language, where only staff's pages are served."""
    return {"event_title": title_of}


def _load(event_id: uuid.UUID) -> Event:
    try:
        return editing.load(web.session(), event_id)
    except editing.EventUnknown:
        abort(404)


def _kind(value: str) -> DocumentKind:
    try:
        return DocumentKind(value)
    except ValueError:
        abort(404)


def _too_late() -> None:
    abort(409, description=_("项目现在的状态不允许这样修改，请刷新页面查看。"))


@staff_pages.get("")
@requires(Permission.EVENTS_MANAGE)
def index() -> Page:
    """List events, the newest first."""
    chosen = request.args.get("status", "")
    known = {status.value: status for status in EventStatus}
    title = request.args.get("q", "").strip()[:80]
    rows = editing.listed(
        web.session(),
        status=known.get(chosen),
        title=title,
        after=paging.after_id(),
        limit=editing.PAGE + 1,
    )
    shown, next_url = paging.page_of(rows, editing.PAGE, lambda event: event.id)
    return render_template(
        "staff/events/index.html",
        events=shown,
        next_url=next_url,
        status=chosen if chosen in known else "",
        q=title,
        badges=STATUS_WORDS,
    )


@staff_pages.get("/<uuid:event_id>")
@requires(Permission.EVENTS_MANAGE)
def show(event_id: uuid.UUID) -> Page:
    """Show one event and what keeps it from opening."""
    event = _load(event_id)
    asked = {spec.kind for spec in event.document_kinds}
    return render_template(
        "staff/events/show.html",
        event=event,
        badges=STATUS_WORDS,
        has_key=editing.has_vault_key(web.session(), event.id),
        hindrances=[PROBLEMS[problem] for problem in editing.hindrances(web.session(), event)],
        complete_field=editing.complete_field,
        other_kinds=[kind for kind in DocumentKind if kind not in asked],
        kind_words=WORDS,
        KB=KB,
        assessed=assessments.of_event(web.session(), event.id),
    )


@staff_pages.route("/new", methods=["GET", "POST"])
@requires(Permission.EVENTS_MANAGE)
def new() -> Page:
    """Make a draft."""
    form = _event_form()
    if request.method == "POST" and form.validate():
        try:
            event = editing.create(
                web.session(),
                web.actor(),
                _facts(form),
                keep_days=web.settings().document_days_after_event,
            )
        except editing.Refused as refused:
            say_problems(form, refused.problems)
        else:
            web.flash("success", _("草稿已保存，接下来写明要填的问题和要交的材料"))
            return redirect(url_for("staff_events.show", event_id=event.id), 303)
    return _event_page(form, None)


@staff_pages.route("/<uuid:event_id>/edit", methods=["GET", "POST"])
@requires(Permission.EVENTS_MANAGE)
def edit(event_id: uuid.UUID) -> Page:
    """Change an event."""
    event, form = _load(event_id), _event_form()
    if event.status not in (EventStatus.DRAFT, EventStatus.PUBLISHED):
        _too_late()
    here = (str(event.organization_id), event.organization.name)
    if here not in form.organization_id.choices:
        form.organization_id.choices.append(here)
    if request.method == "GET":
        form.fill(event)
    elif form.validate():
        try:
            editing.change(
                web.session(),
                web.actor(),
                event_id,
                _facts(form),
                keep_days=web.settings().document_days_after_event,
            )
        except editing.Refused as refused:
            say_problems(form, refused.problems)
        except editing.NotEditable:
            _too_late()
        else:
            web.flash("success", _("项目已修改"))
            return redirect(url_for("staff_events.show", event_id=event_id), 303)
    return _event_page(form, event)


def _event_form() -> EventForm:
    form = EventForm()
    form.organization_id.choices = [
        ("", _("请选择")),
        *((str(key), name) for key, name in organizations.active_choices(web.session())),
    ]
    return form


def _event_page(form: EventForm, event: Event | None) -> Page:
    page = render_template(
        "staff/events/edit.html",
        form=form,
        event=event,
        keep_days=web.settings().document_days_after_event,
    )
    return page, 422 if request.method == "POST" else 200


def _facts(form: EventForm) -> editing.EventFacts:
    return editing.EventFacts(
        slug=form.slug.data or "",
        number_prefix=form.number_prefix.data or "",
        organization_id=uuid.UUID(form.organization_id.data),
        kind=EventKind(form.kind.data),
        title=form.title.data or "",
        title_en=form.title_en.data or "",
        summary=form.summary.data or "",
        summary_en=form.summary_en.data or "",
        description=form.description.data or "",
        description_en=form.description_en.data or "",
        place=form.place.data or "",
        fee_fen=form.fee_fen,
        capacity=form.capacity.data,
        opens_at=form.opens_at.moment,
        closes_at=form.closes_at.moment,
        documents_until=form.documents_until.moment,
        starts_at=form.starts_at.moment,
        ends_at=form.ends_at.moment,
        batch_every_hours=form.batch_every_hours.data or 24,
        batch_at_documents=form.batch_at_documents.data or 500,
    )


# --- questions -------------------------------------------------------------------------------


@staff_pages.route("/<uuid:event_id>/fields/new", methods=["GET", "POST"])
@requires(Permission.EVENTS_MANAGE)
def new_field(event_id: uuid.UUID) -> Page:
    """Ask one more question."""
    return _field_page(_load(event_id), None)


@staff_pages.route("/<uuid:event_id>/fields/<uuid:field_id>", methods=["GET", "POST"])
@requires(Permission.EVENTS_MANAGE)
def edit_field(event_id: uuid.UUID, field_id: uuid.UUID) -> Page:
    """Change a question."""
    event = _load(event_id)
    found = next((item for item in event.fields if item.id == field_id), None)
    if found is None:
        abort(404)
    return _field_page(event, found)


def _field_page(event: Event, found: EventField | None) -> Page:
    if event.status is not EventStatus.DRAFT:
        _too_late()
    form = FieldForm(obj=found) if request.method == "GET" else FieldForm()
    if request.method == "GET" and found is not None:
        form.choices.data = "\n".join(str(choice) for choice in found.choices)
    if request.method == "POST" and form.validate():
        facts = asking.FieldFacts(
            key=form.key.data or "",
            label=form.label.data or "",
            label_en=form.label_en.data or "",
            hint=form.hint.data or "",
            input=form.input.data,
            choices=form.options if form.input.data == "choice" else (),
            required=bool(form.required.data),
            purpose=form.purpose.data or "",
            category=form.category.data or "",
        )
        field_id = found.id if found else None
        try:
            asking.save_field(web.session(), web.actor(), event.id, facts, field_id)
        except editing.Refused:
            form.key.errors = [_("这个标识已被另一个问题使用，请换一个")]
        except editing.NotEditable:
            _too_late()
        else:
            web.flash("success", _("问题已保存"))
            return redirect(url_for("staff_events.show", event_id=event.id), 303)
    page = render_template("staff/events/field.html", form=form, event=event, item=found)
    return page, 422 if request.method == "POST" else 200


@staff_pages.post("/<uuid:event_id>/fields/<uuid:field_id>/remove")
@requires(Permission.EVENTS_MANAGE)
def remove_field(event_id: uuid.UUID, field_id: uuid.UUID) -> Response:
    """Take a question out."""
    try:
        asking.remove_field(web.session(), web.actor(), event_id, field_id)
    except editing.EventUnknown:
        abort(404)
    except editing.NotEditable:
        _too_late()
    web.flash("success", _("问题已去掉"))
    return redirect(url_for("staff_events.show", event_id=event_id), 303)


# --- documents -------------------------------------------------------------------------------


@staff_pages.route("/<uuid:event_id>/documents/<kind>", methods=["GET", "POST"])
@requires(Permission.EVENTS_MANAGE)
def document_kind(event_id: uuid.UUID, kind: str) -> Page:
    """Set the specification of one document."""
    event, wanted = _load(event_id), _kind(kind)
    found = next((spec for spec in event.document_kinds if spec.kind is wanted), None)
    form = KindForm(wanted)
    if request.method == "GET" and found is not None:
        for name in ("required", "marked", "min_side", "width", "height", "dpi", "note"):
            form[name].data = getattr(found, name)
        form.min_kb.data = found.min_bytes // KB
        form.max_kb.data = found.max_bytes // KB
    if request.method == "POST" and form.validate():
        facts = asking.KindFacts(
            required=bool(form.required.data),
            marked=bool(form.marked.data),
            min_bytes=(form.min_kb.data or 0) * KB,
            max_bytes=(form.max_kb.data or 2000) * KB,
            min_side=form.min_side.data or 800,
            width=form.width.data or 0,
            height=form.height.data or 0,
            dpi=form.dpi.data or 0,
            note=form.note.data or "",
        )
        try:
            asking.save_kind(web.session(), web.actor(), event_id, wanted, facts)
        except editing.NotEditable:
            _too_late()
        web.flash("success", _("材料要求已保存"))
        return redirect(url_for("staff_events.show", event_id=event_id), 303)
    page = render_template(
        "staff/events/kind.html", form=form, event=event, spec=found, name=label(wanted)
    )
    return page, 422 if request.method == "POST" else 200


@staff_pages.post("/<uuid:event_id>/documents/<kind>/remove")
@requires(Permission.EVENTS_MANAGE)
def remove_kind(event_id: uuid.UUID, kind: str) -> Response:
    """Stop asking for a document."""
    try:
        asking.remove_kind(web.session(), web.actor(), event_id, _kind(kind))
    except editing.EventUnknown:
        abort(404)
    except editing.NotEditable:
        _too_late()
    web.flash("success", _("不再收取这种材料"))
    return redirect(url_for("staff_events.show", event_id=event_id), 303)


# --- publishing and closing ------------------------------------------------------------------


@staff_pages.route("/<uuid:event_id>/publish", methods=["GET", "POST"])
@requires(Permission.EVENTS_MANAGE, step_up=True)
def publish(event_id: uuid.UUID) -> Page:
    """Show the event to everyone; its vault key is made by the worker."""
    problems: Any = ()
    if request.method == "POST":
        try:
            editing.publish(web.session(), web.actor(), event_id)
        except editing.EventUnknown:
            abort(404)
        except editing.ForbiddenTransition:
            _too_late()
        except editing.Refused as refused:
            problems = refused.problems
        else:
            web.flash("success", _("项目已发布，封存密钥做好之后就能报名"))
            return redirect(url_for("staff_events.show", event_id=event_id), 303)
    event = _load(event_id)
    problems = problems or editing.hindrances(web.session(), event)
    page = render_template(
        "staff/events/publish.html",
        event=event,
        problems=[PROBLEMS[problem] for problem in problems],
        unassessed=editing.Problem.NO_ASSESSMENT in problems,
    )
    return page, 422 if request.method == "POST" else 200


@staff_pages.route("/<uuid:event_id>/close", methods=["GET", "POST"])
@requires(Permission.EVENTS_MANAGE, step_up=True)
def close(event_id: uuid.UUID) -> Page:
    """Take no more registrations."""
    event = _load(event_id)
    if request.method == "GET":
        return render_template("staff/events/close.html", event=event)
    try:
        editing.close(web.session(), web.actor(), event_id)
    except editing.ForbiddenTransition:
        _too_late()
    web.flash("success", _("报名已关闭"))
    return redirect(url_for("staff_events.show", event_id=event_id), 303)
