"""Staff pages of one registration: found by its number, masked, opened by grant and by approval."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from heyan import web
from heyan.access import Permission, Scenario, requires
from heyan.approvals import records, requests
from heyan.approvals.forms import NumberForm, RevealForm
from heyan.approvals.records import Contact, NoApproval, RecordUnknown, Sensitive
from heyan.approvals.service import masked_because
from heyan.consent.purposes import PURPOSES
from heyan.decisions.models import Outcome
from heyan.decisions.reasons import reason
from heyan.documents.kinds import label

Page = str | Response | tuple[str, int]
ONE = "/records/<uuid:registration_id>"
STATUS: dict[str, Any] = {
    "draft": _l("未提交"),
    "submitted": _l("已提交"),
    "waitlisted": _l("候补中"),
    "verified": _l("核验通过"),
    "returned": _l("有材料需要重传"),
    "withdrawn": _l("已撤回"),
}
DOCUMENT_STATES: dict[str, Any] = {
    "sealed": _l("已封存"),
    "released": _l("已交给主办单位"),
    "accepted": _l("核验通过"),
    "returned": _l("已退回"),
    "superseded": _l("已被替换"),
    "destroyed": _l("已销毁"),
}


@requires(Permission.REGISTRATIONS_SEE)
def search() -> Page:
    """Find one registration by its number; nothing else finds one here."""
    form = NumberForm()
    if request.method == "POST" and form.validate():
        try:
            found = records.find(web.session(), web.actor(), form.number.data or "")
        except RecordUnknown:
            form.number.errors = [_("没有这个报名号，请核对后再试")]
        else:
            return redirect(url_for("staff_approvals.record", registration_id=found), 303)
    page = render_template("approvals/record_search.html", form=form)
    return page, 422 if request.method == "POST" else 200


@requires(Permission.REGISTRATIONS_SEE)
def show(registration_id: uuid.UUID) -> Page:
    """Show a registration, masked."""
    return _page(registration_id)


@requires(Permission.REGISTRATIONS_SEE)
def reveal(registration_id: uuid.UUID) -> Page:
    """Show name, birth date and phone once, under a live grant and for a reason on record."""
    form = RevealForm()
    if not form.validate():
        return _page(registration_id, form=form, status=422)
    try:
        seen = records.reveal(web.session(), web.actor(), registration_id, form.reason.data)
    except RecordUnknown:
        abort(404)
    return _page(registration_id, seen=seen)


@requires(Permission.REGISTRATIONS_SEE, step_up=True)
def sensitive(registration_id: uuid.UUID) -> Page:
    """Show consent evidence and decisions while an approved request lives."""
    try:
        opened = records.sensitive(web.session(), web.actor(), registration_id)
    except RecordUnknown:
        abort(404)
    except NoApproval:
        abort(
            403,
            description=_(
                "敏感信息要先经个人信息保护负责人批准。您现在没有有效的批准，请在报名页面提出申请。"
            ),
        )
    return _page(registration_id, opened=opened)


def _page(
    registration_id: uuid.UUID,
    *,
    seen: Contact | None = None,
    opened: Sensitive | None = None,
    form: RevealForm | None = None,
    status: int = 200,
) -> Page:
    session, me = web.session(), web.account_id()
    try:
        row = records.line(session, registration_id)
    except RecordUnknown:
        abort(404)
    if seen is None and opened is None:  # what is opened is an entry already, with its reason
        web.shows("records.shown", "registration", registration_id)
    page = render_template(
        "approvals/record.html",
        row=row,
        seen=seen,
        opened=opened,
        form=form or RevealForm(formdata=None),
        masked_because=masked_because(session, me, Scenario.REGISTRATIONS),
        live=requests.live(session, me, "registration", registration_id),
        status_words=STATUS,
        document_states=DOCUMENT_STATES,
        kind_label=label,
        reason_of=reason,
        accepted=Outcome.ACCEPTED,
        consent_purposes=PURPOSES,
    )
    return page, status


def add_to(pages: Blueprint) -> None:
    """Put these pages on the blueprint of approvals."""
    pages.add_url_rule("/records", "find_record", search, methods=["GET", "POST"])
    pages.add_url_rule(ONE, "record", show)
    pages.add_url_rule(f"{ONE}/reveal", "reveal_record", reveal, methods=["POST"])
    pages.add_url_rule(f"{ONE}/sensitive", "sensitive_record", sensitive)
