"""Staff pages of exports: ask for one, and what every address of a bulk download answers."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any, NoReturn

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from heyan import clock, web
from heyan.access import Permission, requires
from heyan.approvals.requests import RequestInvalid
from heyan.exports import service
from heyan.exports.forms import AskExportForm, LeadsForm, LogForm
from heyan.exports.models import ExportKind
from heyan.exports.rows import Scope, count
from heyan.exports.service import ExportUnknown, NothingThere, TooMany
from heyan.exports.wording import KINDS
from heyan.viewings import service as viewings
from heyan.viewings import standing

staff_pages = Blueprint("exports", __name__, url_prefix="/staff")
ASK = Permission.EXPORTS_ASK
Page = str | Response | tuple[str, int]


def _kind() -> ExportKind:
    try:
        return ExportKind(request.args.get("kind", ""))
    except ValueError:
        abort(404)


def _scope(kind: ExportKind) -> tuple[LeadsForm | LogForm, Scope | None]:
    """Return the form of what the address names, and the scope when that is one."""
    account, moment = web.account_id(), clock.now()
    if kind is ExportKind.LEADS:
        leads = LeadsForm(request.args)
        if "state" not in request.args:
            leads.state.data = "live"
        if not leads.validate():
            return leads, None
        return leads, Scope(kind, account, moment, view=leads.state.data)
    log = LogForm(request.args)
    if "since" not in request.args:
        log.until.data = clock.local(moment).date()
        log.since.data = log.until.data - timedelta(days=6)
    elif not log.validate():
        return log, None
    since, until = log.period()
    return log, Scope(kind, account, moment, since=since, until=until)


@staff_pages.route("/exports/new", methods=["GET", "POST"])
@requires(ASK, step_up=True)
def new() -> Page:
    """Ask for a list: how many rows it would be is said first."""
    kind = _kind()
    scope_form, scope = _scope(kind)
    session, settings = web.session(), web.settings()
    form = AskExportForm()
    problem, status = "", 200 if scope else 422
    if request.method == "POST" and scope is not None:
        status = 422
        if form.validate():
            try:
                asked = service.ask(
                    session,
                    settings,
                    web.actor(),
                    scope,
                    purpose=form.purpose.data,
                    hours=form.hours.data or 0,
                    note=form.note.data or "",
                )
            except (NothingThere, TooMany):
                problem = _("可以导出的行数刚刚变了，下面是现在的数字，请重新选择范围。")
                status = 409
            except RequestInvalid:
                abort(404)
            else:
                web.flash("success", _("已提交，批准之后会通知您"))
                return redirect(url_for("staff_approvals.show", request_id=asked.id), 303)
    rows = count(session, scope) if scope is not None else None
    page = render_template(
        "exports/new.html", kind=kind, kinds=KINDS, scope_form=scope_form, form=form, rows=rows,
        most=settings.export_max_rows, problem=problem, ExportKind=ExportKind,
    )  # fmt: skip
    return page, status


def _no(what: str, export_id: uuid.UUID | None = None) -> NoReturn:
    service.denied(web.session(), web.actor(), what, export_id)
    abort(
        403,
        description=_(
            "名单不能直接下载：请先申请导出，由个人信息保护负责人批准，再用您自己的密钥打开。"
        ),
    )


@staff_pages.get("/exports/<uuid:export_id>/file")
@requires(ASK, step_up=True)
def file(export_id: uuid.UUID) -> Page:
    """Lead to the sealed file of an approved export; without a live approval there is none."""
    session, account = web.session(), web.account_id()
    try:
        row = service.own(session, account, export_id)
    except ExportUnknown:
        abort(404)
    request_id = service.approved(session, account, export_id)
    if request_id is None:
        _no(row.kind.value, row.id)
    made = viewings.of_request(session, account, request_id)
    if made is None or standing.live(session, made) is None:
        return redirect(url_for("viewings.index"), 303)
    return redirect(url_for("viewings.show", viewing_id=made.id), 303)


@staff_pages.get("/<any(leads, contacts):what>/export")
@staff_pages.get("/<any(leads, contacts):what>/export.csv")
@requires(ASK)
def bulk(what: str) -> Any:
    """Refuse, always: lists leave by an approved export and by nothing else (S-093)."""
    _no(what)
