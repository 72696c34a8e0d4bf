"""Staff pages of organizers' keys: compare a fingerprint, approve by a second person, reject."""

from __future__ import annotations

import uuid

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from heyan import paging, web
from heyan.access import Permission, requires
from heyan.accounts.pages import client
from heyan.organizations import service as organizations
from heyan.releases import recipients
from heyan.releases.fingerprint import recipient_fingerprint
from heyan.releases.models import Recipient, RecipientStatus
from heyan.releases.staff_forms import ConfirmRecipientForm, RejectRecipientForm

staff_pages = Blueprint("staff_recipients", __name__, url_prefix="/staff/recipients")
Page = str | Response | tuple[str, int]
SIZE = 50


@staff_pages.get("")
@requires(Permission.RECIPIENTS_SEE)
def index() -> Page:
    """List the keys that wait, the oldest first; or all of a state."""
    known = {status.value: status for status in RecipientStatus}
    status = request.args.get("status", "")
    rows = recipients.queue(
        web.session(), status=known.get(status), after=paging.after_id(), limit=SIZE + 1
    )
    shown, next_url = paging.page_of(rows, SIZE, lambda row: row[0].id)
    return render_template(
        "staff/recipients/index.html",
        rows=shown,
        next_url=next_url,
        status=status if status in known else "",
        fingerprint=recipient_fingerprint,
    )


def _load(recipient_id: uuid.UUID) -> Recipient:
    try:
        return recipients.any_one(web.session(), recipient_id)
    except recipients.RecipientUnknown:
        abort(404)


def _page(name: str, row: Recipient, *, form: object = None, status: int = 200) -> tuple[str, int]:
    found = organizations.get(web.session(), row.organization_id)
    page = render_template(
        f"staff/recipients/{name}.html",
        row=row,
        form=form,
        organization=found.organization,
        fingerprint=recipient_fingerprint(row.recipient),
    )
    return page, status


@staff_pages.get("/<uuid:recipient_id>")
@requires(Permission.RECIPIENTS_SEE)
def show(recipient_id: uuid.UUID) -> Page:
    """Show one key: its fingerprint, who did what, what comes next."""
    return _page("show", _load(recipient_id))


@staff_pages.route("/<uuid:recipient_id>/confirm", methods=["GET", "POST"])
@requires(Permission.RECIPIENTS_CONFIRM, step_up=True)
def confirm(recipient_id: uuid.UUID) -> Page:
    """Record that the fingerprint was compared with the organizer, outside this site."""
    row, form = _load(recipient_id), ConfirmRecipientForm()
    if request.method == "GET":
        return _page("confirm", row, form=form)
    if not form.validate():
        return _page("confirm", row, form=form, status=422)
    try:
        recipients.confirm(
            web.session(), web.actor(), recipient_id, form.how.data, browser=client().devices
        )
    except recipients.SamePerson:
        abort(403, description=_("提出密钥的人不能自己核对。"))
    except recipients.ForbiddenTransition:
        abort(409)
    web.flash("success", _("已记下指纹一致，接下来由另一位同事批准"))
    return redirect(url_for("staff_recipients.show", recipient_id=recipient_id), 303)


@staff_pages.route("/<uuid:recipient_id>/approve", methods=["GET", "POST"])
@requires(Permission.RECIPIENTS_APPROVE, step_up=True)
def approve(recipient_id: uuid.UUID) -> Page:
    """Approve as the second person."""
    row = _load(recipient_id)
    if request.method == "GET":
        return _page("approve", row)
    try:
        recipients.approve(web.session(), web.actor(), recipient_id, browser=client().devices)
    except recipients.SamePerson:
        abort(403, description=_("核对和批准必须是两个人：请由另一位同事在自己的电脑上批准。"))
    except recipients.ForbiddenTransition:
        abort(409)
    web.flash("success", _("已批准，还要在处理机上执行固定命令才会启用"))
    return redirect(url_for("staff_recipients.show", recipient_id=recipient_id), 303)


@staff_pages.route("/<uuid:recipient_id>/reject", methods=["GET", "POST"])
@requires(Permission.RECIPIENTS_SEE, step_up=True)
def reject(recipient_id: uuid.UUID) -> Page:
    """End a key that is not in use, with the reason the organizer is shown."""
    row, form = _load(recipient_id), RejectRecipientForm()
    if request.method == "GET":
        return _page("reject", row, form=form)
    if not form.validate():
        return _page("reject", row, form=form, status=422)
    try:
        recipients.reject(web.session(), web.actor(), recipient_id, form.reason.data or "")
    except recipients.ForbiddenTransition:
        abort(409)
    web.flash("success", _("已驳回"))
    return redirect(url_for("staff_recipients.show", recipient_id=recipient_id), 303)
