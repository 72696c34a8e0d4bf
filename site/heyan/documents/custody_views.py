"""The custody page of a document, and the receipts of its steps."""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

from flask import Blueprint, abort, render_template, request
from werkzeug.wrappers import Response

from heyan import web
from heyan.access import Permission, requires
from heyan.consent.purposes import HAND_OVER
from heyan.documents import kinds, rules, service, timeline
from heyan.documents.models import Document, DocumentState
from heyan.registrations.models import Registration, RegistrationStatus
from heyan.registrations.steps import standing_consent

Page = str | Response | tuple[Any, int]


def add_to(pages: Blueprint) -> None:
    """Give *pages* the custody page and its receipts."""
    pages.add_url_rule("/documents/<uuid:document_id>", "show", show)
    pages.add_url_rule("/documents/<uuid:document_id>/receipts", "receipts", receipts)


def _own(document_id: uuid.UUID) -> Document:
    try:
        return service.load(web.session(), web.account_id(), document_id)
    except service.DocumentUnknown:
        abort(404)


@requires(Permission.OWN_ENROLMENT)
def show(document_id: uuid.UUID) -> Page:
    """The custody page: what happened to the document, who can see it, when it ends."""
    document = _own(document_id)
    session = web.session()
    registration = document.registration
    event = registration.event
    spec = next((item for item in event.document_kinds if item.kind is document.kind), None)
    receipts = service.receipts_of(session, document_id)
    custody = timeline.custody_of(
        session,
        document,
        [step for step, _receipt in receipts],
        service.latest_decision(session, document_id),
        spec,
    )
    replaceable = _replaceable(registration, document)
    return render_template(
        "documents/show.html",
        document=document,
        registration=registration,
        event=event,
        student=registration.student,
        label=kinds.label(document.kind),
        custody=custody,
        consent=standing_consent(session, registration, HAND_OVER),
        receipts=receipts,
        step_names=timeline.step_names(),
        replaceable=replaceable,
        draft=registration.status is RegistrationStatus.DRAFT,
        DocumentState=DocumentState,
        RegistrationStatus=RegistrationStatus,
    )


def _replaceable(registration: Registration, document: Document) -> bool:
    """Whether another picture can take this one's place now."""
    if document.state not in (DocumentState.SEALED, DocumentState.RETURNED):
        return False
    try:
        rules.check_open(web.session(), registration, document.kind)
    except rules.UploadClosed:
        return False
    return True


@requires(Permission.OWN_ENROLMENT)
def receipts(document_id: uuid.UUID) -> Page:
    """Hand out the signed receipts (DSSE) of every step, or of one, to keep and to verify."""
    document = _own(document_id)
    rows = service.receipts_of(web.session(), document_id)
    if wanted := request.args.get("step"):
        rows = [(step, receipt) for step, receipt in rows if str(step.id) == wanted]
        if not rows:
            abort(404)
    body = {
        "format": "heyan-receipts/1",
        "document_id": str(document.id),
        "root_public_key": base64.b64encode(web.settings().root_public_key).decode(),
        "receipts": [
            {
                "step": step.step.value,
                "at": step.at.isoformat(),
                "status": "signed" if receipt else "being_signed",
                "envelope": json.loads(receipt.envelope) if receipt else None,
            }
            for step, receipt in rows
        ],
    }
    text = json.dumps(body, ensure_ascii=False, indent=2)
    response = Response(text, mimetype="application/json")
    which = f"-{rows[0][0].step.value}" if wanted else ""
    name = f"receipts-{document.id.hex[-8:]}{which}.json"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
