"""Staff pages of approvals: the queue, one request, asking and deciding."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, abort, current_app, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Response

from heyan import clock, paging, web
from heyan.access import SCENARIOS, Permission, Scenario, requires
from heyan.accounts.pages import ROLE_NAMES, client
from heyan.approvals import grant_views, record_views, requests
from heyan.approvals.forms import AskForm, DecideForm
from heyan.approvals.grants import NotApprover, NotGranted, SamePerson, roles_of
from heyan.approvals.models import AccessRequest, RequestStatus
from heyan.approvals.requests import HOURS, LEVELS, RequestInvalid, RequestUnknown, number_of
from heyan.approvals.states import NotNow
from heyan.approvals.wording import (
    EXPIRED,
    EXPORT_PURPOSES,
    PURPOSES,
    REQUEST_STATES,
    SCENARIO_NAMES,
    SUBJECT_NAMES,
    why_masked,
)
from heyan.audit.service import record
from heyan.db import transaction
from heyan.exports.service import of_request
from heyan.exports.wording import scope_words

staff_pages = Blueprint("staff_approvals", __name__, url_prefix="/staff/approvals")
Page = str | Response | tuple[str, int]
ONE = "/<uuid:request_id>"
grant_views.add_to(staff_pages)
record_views.add_to(staff_pages)


@staff_pages.app_errorhandler(NotGranted)
def not_granted(error: NotGranted) -> Any:
    """Answer every look at contact data without a live grant: refused, on record, and why."""
    session = web.session()
    session.rollback()
    with transaction(session):
        record(
            session, web.actor(), "access.denied", "route", request.endpoint, outcome="denied",
            scenario=error.scenario.value, why=f"{error.missing}_missing",
        )  # fmt: skip
    refused = Forbidden(description=why_masked(error.missing, error.scenario))
    return current_app.handle_http_exception(refused)


def _state(row: AccessRequest) -> tuple[Any, str]:
    if row.status is RequestStatus.APPROVED and row.ends_at and row.ends_at <= clock.now():
        return EXPIRED
    return REQUEST_STATES[row.status]


def words() -> dict[str, Any]:
    """Return what the templates of requests name things by."""
    return {
        "purposes": EXPORT_PURPOSES | PURPOSES,
        "scenarios": SCENARIO_NAMES,
        "subjects": SUBJECT_NAMES,
        "role_names": ROLE_NAMES,
        "number_of": number_of,
        "state_of": _state,
        "me": web.account_id(),
    }


@staff_pages.get("")
@requires(Permission.APPROVALS_SEE)
def index() -> Page:
    """List requests: what waits for me, mine, or all that I may see."""
    view = request.args.get("state", "")
    rows = requests.listed(
        web.session(),
        web.account_id(),
        view=view,
        after=paging.after_id(),
        limit=requests.PAGE + 1,
    )
    shown, next_url = paging.page_of(rows, requests.PAGE, lambda row: row.id)
    web.shows("approvals.listed", "request", ids=[row.id for row in shown])
    return render_template(
        "approvals/index.html", rows=shown, next_url=next_url, state=view, **words()
    )


def _named() -> tuple[str, list[uuid.UUID]]:
    """Return which records the address names; 404 for what is none."""
    kind = request.args.get("kind", "")
    try:
        ids = [uuid.UUID(one) for one in request.args.getlist("id")]
    except ValueError:
        abort(404)
    # Lists are asked for on their own page, which says how many rows it would be.
    if kind not in LEVELS or kind == "export" or not ids:
        abort(404)
    return kind, ids


@staff_pages.route("/new", methods=["GET", "POST"])
@requires(Permission.APPROVALS_ASK)
def new() -> Page:
    """Ask for the records that the address names (``kind`` and ``id``, more than once)."""
    kind, ids = _named()
    level = LEVELS[kind]
    mine = roles_of(web.session(), web.account_id())
    usual = Scenario.CONTACTS if kind == "recording" else Scenario.REGISTRATIONS
    form = AskForm(scenario=usual.value)
    form.limit([one for one in Scenario if mine & SCENARIOS[one]], HOURS[level])
    if request.method == "POST" and form.validate():
        try:
            row = requests.ask(
                web.session(),
                web.actor(),
                level=level,
                scenario=Scenario(form.scenario.data),
                subject_kind=kind,
                subject_ids=ids,
                purpose=form.purpose.data,
                hours=form.hours.data or 0,
                note=form.note.data or "",
            )
        except RequestInvalid:
            abort(
                409,
                description=_(
                    "所选的记录里有已经销毁的，或者超过了 %(most)s 条，没有提交。"
                    "请回到原来的页面重新选择。",
                    most=requests.MOST_SUBJECTS,
                ),
            )
        web.flash("success", _("已提交，批准之后会通知您"))
        return redirect(url_for("staff_approvals.show", request_id=row.id), 303)
    page = render_template(
        "approvals/new.html", form=form, kind=kind, count=len(ids), level=level, **words()
    )
    return page, 422 if request.method == "POST" else 200


def _load(request_id: uuid.UUID) -> AccessRequest:
    try:
        return requests.get(web.session(), web.account_id(), request_id)
    except RequestUnknown:
        abort(404)


@staff_pages.get(ONE)
@requires(Permission.APPROVALS_SEE)
def show(request_id: uuid.UUID) -> Page:
    """Show one request, what was said to it, and what may be done now."""
    row = _load(request_id)
    return render_template("approvals/show.html", row=row, **_facts(row), **words())


def _facts(row: AccessRequest) -> dict[str, Any]:
    session = web.session()
    subject_ids = sorted(requests.subject_ids(session, row.id))
    web.shows("approvals.shown", "request", row.id, of=row.subject_kind, ids=subject_ids)
    said = requests.decisions(session, row.id)
    open_roles = requests.APPROVERS[row.level] - {one.role for one in said}
    waiting = row.status is RequestStatus.WAITING
    mine = roles_of(session, web.account_id())
    export = of_request(session, row.id) if row.subject_kind == "export" else None
    return {
        "export": export,
        "export_scope": scope_words(export) if export else "",
        "said": said,
        "open_roles": sorted(ROLE_NAMES[one.value] for one in open_roles) if waiting else [],
        "may_decide": waiting
        and bool(mine & open_roles)
        and web.account_id() not in {row.requester_id, *(one.approver_id for one in said)},
        "may_end": (waiting or _state(row) == REQUEST_STATES[RequestStatus.APPROVED])
        and (row.requester_id == web.account_id() or bool(mine & requests.APPROVERS[row.level])),
        "subject_ids": subject_ids,
    }


@staff_pages.route(f"{ONE}/decide", methods=["GET", "POST"])
@requires(Permission.APPROVALS_DECIDE, step_up=True)
def decide(request_id: uuid.UUID) -> Page:
    """Approve or refuse, as somebody who neither asked nor said yes already."""
    row = _load(request_id)
    form = DecideForm()
    if request.method == "POST" and form.validate():
        try:
            requests.decide(
                web.session(),
                web.actor(),
                request_id,
                approve=form.approved,
                reason=form.reason.data or "",
                browser=client().devices,
            )
        except SamePerson:
            _refused(request_id, "same_person")
            abort(
                403, description=_("提出的人和每一位批准的人必须各是一个人，请由另一位同事决定。")
            )
        except NotApprover:
            abort(403, description=_("这一级的批准不由您的职责作出，或者这一职责已经表过态。"))
        except NotNow:
            abort(409, description=_("这个申请已经有了结果，请回到列表看现在的状态。"))
        web.flash("success", _("已记录您的决定"))
        return redirect(url_for("staff_approvals.show", request_id=request_id), 303)
    page = render_template("approvals/decide.html", row=row, form=form, **_facts(row), **words())
    return page, 422 if request.method == "POST" else 200


def _refused(subject_id: uuid.UUID, why: str) -> None:
    session = web.session()
    with transaction(session):
        record(
            session, web.actor(), "access.denied", "request", subject_id,
            outcome="denied", why=why,
        )  # fmt: skip


@staff_pages.post(f"{ONE}/end")
@requires(Permission.APPROVALS_SEE)
def end(request_id: uuid.UUID) -> Page:
    """End a request early, as who asked or as an approver."""
    _load(request_id)
    try:
        requests.end(web.session(), web.actor(), request_id)
    except NotApprover:
        abort(403, description=_("只有提出的人和批准的人能提前结束。"))
    except NotNow:
        abort(409, description=_("这个申请已经有了结果，请回到列表看现在的状态。"))
    web.flash("success", _("已提前结束，从现在起不能再查看"))
    return redirect(url_for("staff_approvals.show", request_id=request_id), 303)
