"""The audit trail, read by those who may; each reading is an entry itself."""

from __future__ import annotations

from flask import Blueprint, render_template, request

from heyan import paging, web
from heyan.access import Permission, requires
from heyan.audit import service
from heyan.audit.forms import AuditFilterForm

staff_pages = Blueprint("audit", __name__, url_prefix="/staff/audit")
SIZE = 50


@staff_pages.get("")
@requires(Permission.AUDIT_READ)
def index() -> str | tuple[str, int]:
    """Show entries by actor, act, subject and period, and how far the chain reaches."""
    form, status = AuditFilterForm(request.args), 200
    if form.validate():
        rows = service.read(
            web.session(),
            web.actor(),
            form.wanted,
            before=paging.after_number(),
            limit=SIZE + 1,
        )
    else:
        rows, status = [], 422
    shown, next_url = paging.page_of(rows, SIZE, lambda row: row[0].id)
    page = render_template(
        "audit/index.html",
        form=form,
        rows=shown,
        next_url=next_url,
        chain=service.chain_state(web.session()),
    )
    return page, status
