"""Pages of enrolment: mine, start, one step a page, check, receipt, withdraw."""

from __future__ import annotations

import gc
import uuid
from datetime import date
from typing import Any

import structlog
from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from heyan import clock, web
from heyan.access import Permission, requires
from heyan.consent.service import ConsentMissing
from heyan.custody.sealing import UntrustedVaultKey
from heyan.documents.vault import sealing_key
from heyan.events.wording import label_of
from heyan.registrations import forms, service, submission, wording
from heyan.registrations.cli import registrations_cli
from heyan.registrations.links import step_url
from heyan.registrations.models import Registration, RegistrationStatus
from heyan.registrations.steps import Progress, Step, number_kinds, progress_of
from heyan.safety import holding
from heyan.safety.rules import RULES
from heyan.students.service import StudentUnknown, list_students, needs_guardian

public_pages = Blueprint("registrations", __name__, cli_group=None)
public_pages.cli.add_command(registrations_cli)
log = structlog.get_logger()
Page = str | Response | tuple[str, int]


@public_pages.after_request
def forget_number(response: Response) -> Response:
    """Let go of an ID number with the request, however it ended (SECURITY 10).

    A form and its fields hold one another, so the number would stay in memory until Python next
    looks for such circles; what is let go the process overwrites (`deploy/local/machine.py`).
    """
    if request.method == "POST" and request.endpoint == "registrations.identity":
        response.call_on_close(gc.collect)
    return response


@public_pages.get("/registrations")
@requires(Permission.OWN_ENROLMENT)
def index() -> Page:
    """List the account's registrations with what comes next for each."""
    session = web.session()
    rows = [
        (registration, progress_of(session, registration))
        for registration in service.list_registrations(session, web.account_id())
    ]
    return render_template("registrations/index.html", rows=rows, Step=Step, may_go_on=_may_go_on)


@public_pages.route("/registrations/new", methods=["GET", "POST"])
@requires(Permission.OWN_ENROLMENT)
def new() -> Page:
    """Choose who is to be registered for an event."""
    slug = request.values.get("event", "")
    session = web.session()
    try:
        event = service.open_event(session, slug)
    except service.EventUnknown:
        abort(404)
    students = list_students(session, web.account_id())
    if not students and request.method == "GET":
        here = url_for("registrations.new", event=slug)
        return redirect(url_for("students.new", next=here))
    in_time, ready = service.in_window(event, clock.now()), service.can_seal(session, event)
    page: dict[str, Any] = {
        "event": event,
        "students": students,
        "open_now": in_time and ready,
        "preparing": in_time and not ready,
    }
    if request.method == "GET":
        return render_template("registrations/new.html", error=None, **page)
    try:
        registration = service.start(
            session, web.actor(), web.account_id(), slug, uuid.UUID(request.form.get("student", ""))
        )
    except StudentUnknown:
        abort(404)
    except ValueError:
        words = _("请选择要报名的学员")
        return render_template("registrations/new.html", error=words, **page), 422
    except service.WindowClosed:
        return render_template("registrations/new.html", error=None, **page), 409
    return _onward(registration.id)


def _load(registration_id: uuid.UUID) -> Registration:
    try:
        return service.load(web.session(), web.account_id(), registration_id)
    except service.RegistrationUnknown:
        abort(404)


def _may_go_on(registration: Registration) -> bool:
    """Whether a draft can still be worked on."""
    return registration.status is RegistrationStatus.DRAFT and service.in_window(
        registration.event, clock.now()
    )


def _onward(registration_id: uuid.UUID) -> Response:
    """Go to the first step that is not done."""
    registration = _load(registration_id)
    if not _may_go_on(registration):
        return redirect(url_for("registrations.show", registration_id=registration_id), 303)
    step = progress_of(web.session(), registration).next
    return redirect(step_url(registration_id, step), 303)


def _begin(registration_id: uuid.UUID, step: Step) -> tuple[Registration, Progress] | Response:
    """Load a draft for one of its steps, or say where to go instead."""
    registration = _load(registration_id)
    progress = progress_of(web.session(), registration)
    late = step is Step.CONSENTS and registration.status in (
        RegistrationStatus.SUBMITTED,
        RegistrationStatus.WAITLISTED,
        RegistrationStatus.RETURNED,
    )
    if step not in progress.steps:
        return _onward(registration_id)
    if not late and not _may_go_on(registration):
        # Submitting twice shows the receipt; any other late form is refused.
        if request.method == "POST" and step is not Step.CHECK:
            abort(409)
        return redirect(url_for("registrations.show", registration_id=registration_id), 303)
    return registration, progress


def _page(
    name: str, step: Step, registration: Registration, progress: Progress, **more: Any
) -> str:
    return render_template(
        f"registrations/{name}.html",
        registration=registration,
        event=registration.event,
        student=registration.student,
        progress=progress,
        step=step,
        step_url=step_url,
        **more,
    )


@public_pages.route("/registrations/<uuid:registration_id>/fields", methods=["GET", "POST"])
@requires(Permission.OWN_ENROLMENT)
def fields(registration_id: uuid.UUID) -> Page:
    """Answer the event's own questions."""
    begun = _begin(registration_id, Step.FIELDS)
    if not isinstance(begun, tuple):
        return begun
    registration, progress = begun
    saved = {forms.PREFIX + key: value for key, value in progress.answers.items()}
    form = forms.fields_form(registration.event.fields)(data=saved)
    purposes = {item.key: item.purpose for item in registration.event.fields}
    page = {"form": form, "prefix": forms.PREFIX, "purposes": purposes}
    if request.method == "GET":
        return _page("fields", Step.FIELDS, registration, progress, **page)
    if not form.validate():
        return _page("fields", Step.FIELDS, registration, progress, **page), 422
    try:
        service.save_answers(web.session(), web.actor(), registration, forms.answers_in(form))
    except (service.NotADraft, service.WindowClosed):
        abort(409)
    return _onward(registration_id)


@public_pages.route("/registrations/<uuid:registration_id>/guardian", methods=["GET", "POST"])
@requires(Permission.OWN_ENROLMENT)
def guardian(registration_id: uuid.UUID) -> Page:
    """Ask the guardian of a student under 14."""
    begun = _begin(registration_id, Step.GUARDIAN)
    if not isinstance(begun, tuple):
        return begun
    registration, progress = begun
    form = forms.GuardianForm()
    text = wording.guardian_text()
    if request.method == "GET":
        return _page("guardian", Step.GUARDIAN, registration, progress, form=form, text=text)
    if not form.validate():
        page = _page("guardian", Step.GUARDIAN, registration, progress, form=form, text=text)
        return page, 422
    try:
        service.save_guardian(
            web.session(),
            web.actor(),
            registration,
            web.evidence(),
            name=form.guardian_name.data or "",
            relation=form.guardian_relation.data,
            phone=form.guardian_phone.e164,
            text_shown=text,
        )
    except (service.NotADraft, service.WindowClosed):
        abort(409)
    return _onward(registration_id)


@public_pages.route("/registrations/<uuid:registration_id>/consents", methods=["GET", "POST"])
@requires(Permission.OWN_ENROLMENT)
def consents(registration_id: uuid.UUID) -> Page:
    """Ask for the two separate consents, before anything can be uploaded."""
    begun = _begin(registration_id, Step.CONSENTS)
    if not isinstance(begun, tuple):
        return begun
    registration, progress = begun
    event = registration.event
    form = forms.ConsentsForm()
    page = {
        "form": form,
        "identity_rows": wording.identity_rows(event),
        "hand_over_rows": wording.hand_over_rows(event),
        "guarded": needs_guardian(registration.student),
    }
    if request.method == "GET":
        return _page("consents", Step.CONSENTS, registration, progress, refused=False, **page)
    if request.form.get("action") == "refuse":
        return _page("consents", Step.CONSENTS, registration, progress, refused=True, **page)
    if not form.validate():
        shown = _page("consents", Step.CONSENTS, registration, progress, refused=False, **page)
        return shown, 422
    try:
        service.save_consents(web.session(), web.actor(), registration, web.evidence())
    except service.NotADraft:
        abort(409)
    return _onward(registration_id)


@public_pages.route("/registrations/<uuid:registration_id>/identity", methods=["GET", "POST"])
@requires(Permission.OWN_ENROLMENT)
def identity(registration_id: uuid.UUID) -> Page:
    """Take the ID number, check it and seal it."""
    begun = _begin(registration_id, Step.IDENTITY)
    if not isinstance(begun, tuple):
        return begun
    registration, progress = begun
    if Step.CONSENTS not in progress.done:
        return redirect(step_url(registration_id, Step.CONSENTS), 303)
    form = forms.IdNumberForm()
    form.allow(
        number_kinds(registration.event),
        date.fromisoformat(registration.student.birth_date),
        clock.local(clock.now()).date(),
    )
    if request.method == "GET":
        return _page("identity", Step.IDENTITY, registration, progress, form=form)
    if not form.validate():
        return _page("identity", Step.IDENTITY, registration, progress, form=form), 422
    try:
        key = sealing_key(web.session(), registration.event_id, web.settings().root_public_key)
        service.save_id_number(web.session(), web.actor(), registration, key, form.number)
    except UntrustedVaultKey as untrusted:
        _no_key(registration, untrusted)
        abort(503, description=_("本项目的封存钥匙还没有备好，号码没有保存，请稍后再试。"))
    except ConsentMissing:
        return redirect(step_url(registration_id, Step.CONSENTS), 303)
    except (service.NotADraft, service.WindowClosed):
        abort(409)
    return _onward(registration_id)


@public_pages.route("/registrations/<uuid:registration_id>/check", methods=["GET", "POST"])
@requires(Permission.OWN_ENROLMENT)
def check(registration_id: uuid.UUID) -> Page:
    """Show everything once more, then submit."""
    begun = _begin(registration_id, Step.CHECK)
    if not isinstance(begun, tuple):
        return begun
    registration, progress = begun
    if request.method == "GET":
        if not progress.complete:
            return redirect(step_url(registration_id, progress.next))
        labels = {item.key: label_of(item) for item in registration.event.fields}
        return _page("check", Step.CHECK, registration, progress, labels=labels)
    try:
        submission.submit(web.session(), web.actor(), registration)
    except submission.Incomplete as missing:
        return redirect(step_url(registration_id, missing.step), 303)
    except service.WindowClosed:
        abort(409, description=_("报名刚刚截止，这份报名没有提交成功。"))
    return redirect(url_for("registrations.show", registration_id=registration_id), 303)


@public_pages.get("/registrations/<uuid:registration_id>")
@requires(Permission.OWN_ENROLMENT)
def show(registration_id: uuid.UUID) -> Page:
    """The receipt: number, state, documents, what comes next."""
    registration = _load(registration_id)
    if _may_go_on(registration):
        return _onward(registration_id)
    session = web.session()
    progress = progress_of(session, registration)
    labels = {item.key: label_of(item) for item in registration.event.fields}
    ahead = submission.waiting_ahead(session, registration)
    held = holding.held(session, registration)
    return _page(
        "show", Step.CHECK, registration, progress, labels=labels, ahead=ahead,
        held=held, held_because=RULES[held.kind].told if held else "",
    )  # fmt: skip


@public_pages.route("/registrations/<uuid:registration_id>/withdraw", methods=["GET", "POST"])
@requires(Permission.OWN_ENROLMENT)
def withdraw(registration_id: uuid.UUID) -> Page:
    """Say what withdrawing does, then do it."""
    registration = _load(registration_id)
    if request.method == "GET":
        if registration.status is RegistrationStatus.WITHDRAWN:
            return redirect(url_for("registrations.show", registration_id=registration_id))
        progress = progress_of(web.session(), registration)
        return _page("withdraw", Step.CHECK, registration, progress)
    text = _("我撤回这次报名和对身份认证材料的同意，请销毁已封存的材料。")
    submission.withdraw(web.session(), web.actor(), registration, web.evidence(), text)
    web.flash("success", _("报名已撤回，封存的材料正在销毁"))
    return redirect(url_for("registrations.show", registration_id=registration_id), 303)


def _no_key(registration: Registration, untrusted: UntrustedVaultKey) -> None:
    log.error("vault_key_untrusted", event_id=str(registration.event_id), why=str(untrusted))
