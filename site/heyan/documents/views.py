"""Pages of identity documents: the list, one upload, the custody page, its receipts."""

from __future__ import annotations

import re
import secrets
import threading
import uuid
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import structlog
from flask import (
    Blueprint,
    abort,
    g,
    jsonify,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_babel import gettext as _
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response

from heyan import bodies, clock, csrf, web
from heyan.access import Permission, requires
from heyan.consent.service import ConsentMissing, TermsOpen
from heyan.custody.images import ImageRefused, Limits
from heyan.custody.pool import default_pool
from heyan.custody.sealing import UntrustedVaultKey, VaultPublicKey
from heyan.documents import custody_views, kinds, rules, service, wording
from heyan.documents.store import current_documents
from heyan.documents.vault import sealing_key
from heyan.events.models import DocumentKind, EventDocumentKind
from heyan.registrations.links import step_url
from heyan.registrations.models import Registration, RegistrationStatus
from heyan.registrations.service import RegistrationUnknown, in_window
from heyan.registrations.service import load as load_registration
from heyan.registrations.steps import Step, progress_of
from heyan.registrations.wording import hand_over_rows, identity_rows

public_pages = Blueprint("documents", __name__)
custody_views.add_to(public_pages)
log = structlog.get_logger()
Page = str | Response | tuple[Any, int] | tuple[Any, int, dict[str, str]]

# What stands beside the picture in a multipart body: boundaries, names, the small fields.
SLACK = 64 * 1024
WAIT_FOR_MEMORY = 5.0
TOKEN = re.compile(r"[A-Za-z0-9_-]{16,64}")
_gates: dict[int, bodies.InFlight] = {}
_gates_lock = threading.Lock()


@dataclass
class Trouble:
    """Why the page is shown again: errors at the file, warnings to override, or a closed door."""

    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    closed: str = ""
    # The door opens once the person has agreed.
    consent: bool = False
    status: int = HTTPStatus.UNPROCESSABLE_ENTITY


@public_pages.after_request
def answer_before_the_rest_arrives(response: Response) -> Response:
    """Never let an upload that is refused early end in a reset connection."""
    unread = request.method == "POST" and not g.get("body_read")
    if unread and request.endpoint == "documents.upload":
        return bodies.drain_after(response)
    return response


def _load(registration_id: uuid.UUID) -> Registration:
    try:
        return load_registration(web.session(), web.account_id(), registration_id)
    except RegistrationUnknown:
        abort(404)


def _kind(name: str) -> DocumentKind:
    try:
        return DocumentKind(name)
    except ValueError:
        abort(404)


def _gate() -> bodies.InFlight:
    limit = web.settings().inflight_upload_bytes
    with _gates_lock:
        return _gates.setdefault(limit, bodies.InFlight(limit))


def _wants_json() -> bool:
    return bool(request.accept_mimetypes.best == "application/json")


@public_pages.get("/registrations/<uuid:registration_id>/documents")
@requires(Permission.OWN_ENROLMENT)
def index(registration_id: uuid.UUID) -> Page:
    """List what the event asks for and where each document stands."""
    registration = _load(registration_id)
    session = web.session()
    progress = progress_of(session, registration)
    if Step.DOCUMENTS not in progress.steps:
        abort(404)
    if registration.status is RegistrationStatus.DRAFT and Step.CONSENTS not in progress.done:
        return redirect(url_for("registrations.consents", registration_id=registration_id))
    rows = [
        (spec, kinds.WORDS[spec.kind], progress.documents.get(spec.kind))
        for spec in registration.event.document_kinds
    ]
    draft = registration.status is RegistrationStatus.DRAFT
    return render_template(
        "documents/index.html",
        registration=registration,
        event=registration.event,
        student=registration.student,
        progress=progress,
        step=Step.DOCUMENTS,
        rows=rows,
        step_url=step_url,
        draft=draft and in_window(registration.event, clock.now()),
    )


@public_pages.get("/registrations/<uuid:registration_id>/documents/<kind>")
@requires(Permission.OWN_ENROLMENT)
def new(registration_id: uuid.UUID, kind: str) -> Page:
    """Show how the picture should be, and let one be chosen."""
    registration = _load(registration_id)
    spec = _spec(registration, _kind(kind))
    session = web.session()
    trouble = Trouble(status=HTTPStatus.OK)
    try:
        rules.check_before_body(session, web.settings(), registration, spec.kind)
    except rules.UploadClosed as closed:
        trouble.closed = wording.closed_in_words(closed)
    except rules.QuotaReached as reached:
        trouble.closed = wording.quota_in_words(reached)
    except TermsOpen:
        # The page of the terms follows (`policies.term_views`).
        raise
    except ConsentMissing:
        return redirect(url_for("registrations.consents", registration_id=registration_id))
    # The decoder starts while the person looks for the picture.
    default_pool(Limits.from_settings(web.settings()))
    return _upload_page(registration, spec, trouble)


def _spec(registration: Registration, kind: DocumentKind) -> EventDocumentKind:
    try:
        return rules.spec_of(registration, kind)
    except rules.KindUnknown:
        abort(404)


def _upload_page(registration: Registration, spec: EventDocumentKind, trouble: Trouble) -> Page:
    """Render the upload page, or its JSON for the script that sends the file."""
    status = int(trouble.status)
    heads = {"Retry-After": "30"} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    if _wants_json():
        errors = {"file": trouble.errors or ([trouble.closed] if trouble.closed else [])}
        return jsonify(errors=errors, warnings=trouble.warnings), status, heads
    documents = {doc.kind: doc for doc in current_documents(web.session(), registration.id)}
    page = render_template(
        "documents/upload.html",
        registration=registration,
        event=registration.event,
        student=registration.student,
        spec=spec,
        words=kinds.WORDS[spec.kind],
        current=documents.get(spec.kind),
        trouble=trouble,
        upload_token=secrets.token_urlsafe(24),
        identity_rows=identity_rows(registration.event),
        hand_over_rows=hand_over_rows(registration.event),
        limits=web.settings(),
        least=service.picture_spec(spec, web.settings(), rotation=0).min_side,
        asked_for=wording.asked_for(spec),
        size=wording.size,
    )
    return page, status, heads


@public_pages.post("/registrations/<uuid:registration_id>/documents/<kind>")
@requires(Permission.OWN_ENROLMENT)
@csrf.late_csrf
def upload(registration_id: uuid.UUID, kind: str) -> Page:
    """Take one picture. Whatever can be refused unread is refused before the body is read."""
    registration = _load(registration_id)
    spec = _spec(registration, _kind(kind))
    settings = web.settings()
    declared = request.content_length
    # Who does not say how much is coming may send all there may be, and is counted for it (C-10).
    expected = settings.max_upload_bytes + SLACK if declared is None else declared
    ready = _before_the_body(registration, spec, expected)
    if isinstance(ready, Trouble):
        return _upload_page(registration, spec, ready)
    try:
        with _gate().hold(expected, wait_seconds=WAIT_FOR_MEMORY):
            with bodies.FILES.one():
                sent = _read(settings.max_upload_bytes)
            if isinstance(sent, Trouble):
                return _upload_page(registration, spec, sent)
            return _take(registration, spec, ready, sent)
    except bodies.TooMuchInFlight:
        busy = Trouble([_("现在上传的人很多，请半分钟后再试一次。")], status=503)
        return _upload_page(registration, spec, busy)


def _before_the_body(
    registration: Registration, spec: EventDocumentKind, expected: int
) -> VaultPublicKey | Trouble:
    """Check door, consents, key, size and quotas; leaves no transaction open."""
    session, settings = web.session(), web.settings()
    try:
        rules.check_before_body(session, settings, registration, spec.kind)
        key = sealing_key(session, registration.event_id, settings.root_public_key)
        if expected > settings.max_upload_bytes + SLACK:
            words = wording.too_large(settings.max_upload_bytes, expected)
            return Trouble([words], status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        rules.count_upload(session, settings, web.account_id(), expected)
    except rules.UploadClosed as closed:
        words = wording.closed_in_words(closed)
        return Trouble(closed=words, status=HTTPStatus.CONFLICT)
    except rules.QuotaReached as reached:
        words = wording.quota_in_words(reached)
        return Trouble(closed=words, status=HTTPStatus.TOO_MANY_REQUESTS)
    except TermsOpen:
        words = _("条款有重大变更，您还没有同意，所以现在不接收新的材料。请先看过变更并作出决定。")
        return Trouble(closed=words, status=HTTPStatus.FORBIDDEN)
    except ConsentMissing:
        words = _("上传之前，需要先单独同意处理和转交身份认证材料。")
        return Trouble(closed=words, consent=True, status=HTTPStatus.FORBIDDEN)
    except UntrustedVaultKey as untrusted:
        _no_key(registration, untrusted)
        words = _("本项目的封存钥匙没有通过校验，为了安全，暂停接收材料。请稍后再试，或致电我们。")
        return Trouble(closed=words, status=HTTPStatus.SERVICE_UNAVAILABLE)
    finally:
        session.commit()
    return key


def _read(limit: int) -> service.Upload | Trouble:
    """Read the body into memory, then check the form's token and its small fields."""
    settings = web.settings()
    bodies.allow_body(
        max_bytes=limit + SLACK,
        max_parts=settings.max_upload_parts,
        max_field_bytes=settings.max_form_bytes,
    )
    try:
        chosen = request.files.get("file")
    except RequestEntityTooLarge:
        return Trouble([wording.too_large(limit, None)], status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    g.body_read = True
    csrf.check_request()
    token = request.form.get("upload_token", "")
    if not TOKEN.fullmatch(token):
        abort(400)
    data = chosen.stream.read() if chosen is not None else b""
    if not data:
        return Trouble([_("请先选择一张照片；选到的文件不能是空的。")])
    if len(data) > limit:
        words = wording.too_large(limit, len(data))
        return Trouble([words], status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    turned = request.form.get("rotation", "0")
    return service.Upload(
        data=data,
        token=token,
        rotation=int(turned) if turned in ("0", "90", "180", "270") else 0,
        override=request.form.get("override") == "yes",
    )


def _take(
    registration: Registration,
    spec: EventDocumentKind,
    key: VaultPublicKey,
    sent: service.Upload,
) -> Page:
    registration_id = registration.id
    try:
        document = service.receive(
            web.session(),
            web.actor(),
            web.settings(),
            web.heyan().objects,
            registration,
            spec,
            key,
            sent,
        )
    except ImageRefused as refused:
        log.info("picture_refused", code=refused.code, registration_id=str(registration_id))
        trouble = Trouble([wording.refusal_in_words(refused, web.settings())])
        if refused.code == "busy":
            # Nothing is wrong with the picture.
            trouble.status = HTTPStatus.SERVICE_UNAVAILABLE
    except service.NeedsOverride as asked:
        trouble = Trouble(warnings=[wording.warning_in_words(code) for code in asked.warnings])
    except rules.UploadClosed as closed:
        trouble = Trouble(closed=wording.closed_in_words(closed), status=HTTPStatus.CONFLICT)
    except rules.QuotaReached as reached:
        words = wording.quota_in_words(reached)
        trouble = Trouble(closed=words, status=HTTPStatus.TOO_MANY_REQUESTS)
    else:
        target = url_for("documents.show", document_id=document.id)
        return jsonify(redirect=target) if _wants_json() else redirect(target, 303)
    registration = _load(registration_id)
    return _upload_page(registration, _spec(registration, spec.kind), trouble)


def _no_key(registration: Registration, untrusted: UntrustedVaultKey) -> None:
    log.error("vault_key_untrusted", event_id=str(registration.event_id), why=str(untrusted))
