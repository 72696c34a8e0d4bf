"""Staff pages of keeping: what is overdue, what orders keep, and orders for the archive."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from time import monotonic

import structlog
from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from heyan import clock, paging, web
from heyan.access import Permission, requires
from heyan.accounts.pages import client
from heyan.audit.service import OPERATOR
from heyan.classification import CATEGORIES
from heyan.handling import handling
from heyan.registrations import unused
from heyan.retention import archiving, holds
from heyan.retention.errors import (
    AlreadySettled,
    ForeignBody,
    NoArchive,
    NotTheOther,
    SubjectUnknown,
)
from heyan.retention.figures import figures
from heyan.retention.forms import HoldForm, OrderForm, QueryForm
from heyan.retention.models import AuthorityQuery, HoldSubject, LegalHold
from heyan.retention.wording import KINDS, ROLES, RULES, hold_state, query_state, rule_words

staff_pages = Blueprint("retention", __name__, url_prefix="/staff/retention")
Page = str | Response | tuple[str, int]
PAGE = 30
log = structlog.get_logger()
# In seconds.
EVERY = 3600.0
_closed = {"at": -EVERY}
_turn = threading.Lock()


def _due() -> bool:
    with _turn:
        now = monotonic()
        if now - _closed["at"] < EVERY:
            return False
        _closed["at"] = now
        return True


@staff_pages.before_app_request
def _close_unused() -> None:
    """Close accounts that nobody used, once an hour, when the monitoring asks or staff are at work.

    Here, because the worker cannot read what the law wants sealed of them first.
    """
    asked = request.path == "/readyz" or request.path.startswith("/staff")
    if not asked or not _due():
        return
    try:
        with web.heyan().sessions() as session:
            unused.close_unused(session, OPERATOR)
    except SQLAlchemyError as error:
        # The page matters more; the overdue figure tells if it stays so.
        log.warning("unused_not_closed", kind=type(error).__name__)


@staff_pages.get("")
@requires(Permission.KEEPING_SEE)
def index() -> Page:
    """Show what is past its last day (nothing), what the last sweeps did, and the periods."""
    found = figures(web.session())
    return render_template(
        "retention/index.html",
        found=found,
        bars=[(rule_words(name), count) for name, count in _bars(found.overdue).items()],
        runs=[
            (
                run,
                sum(run.done.values()),
                sum(run.overdue.values()),
                [rule_words(name) for name in run.failed],
            )
            for run in found.runs
        ],
        categories=[
            (one, [ROLES[role] for role in sorted(handling(one).approvers, key=str)])
            for one in CATEGORIES
        ],
    )


def _bars(overdue: dict[str, int]) -> dict[str, int]:
    """Return a figure for every rule, 0 where nothing is overdue."""
    return {**dict.fromkeys(RULES, 0), **overdue}


# --- holds -----------------------------------------------------------------------------------


@staff_pages.get("/holds")
@requires(Permission.KEEPING_SEE)
def hold_list() -> Page:
    """Show what orders keep."""
    query = select(LegalHold).order_by(LegalHold.id.desc()).limit(PAGE + 1)
    if after := paging.after_id():
        query = query.where(LegalHold.id < after)
    rows, next_url = paging.page_of(web.session().scalars(query).all(), PAGE, lambda row: row.id)
    web.shows("holds.listed", "hold", ids=[row.id for row in rows])
    return render_template(
        "retention/holds.html",
        rows=[(row, hold_state(row)) for row in rows],
        kinds=KINDS,
        next_url=next_url,
        mine=web.account_id(),
    )


@staff_pages.route("/holds/new", methods=["GET", "POST"])
@requires(Permission.KEEPING_ORDER, step_up=True)
def hold_new() -> Page:
    """Enter an order to keep something."""
    form = HoldForm()
    if request.method == "GET" or not form.validate():
        return _form_page("retention/hold_new.html", form)
    try:
        holds.ask(
            web.session(),
            web.actor(),
            subject_kind=HoldSubject(form.kind.data),
            subject_id=uuid.UUID(form.subject.data),
            order=_order(form),
            ends_at=clock.midnight(form.until.data + timedelta(days=1)),
        )
    except SubjectUnknown:
        form.subject.errors = [_("没有这个编号的记录，请核对种类和编号")]
        return _form_page("retention/hold_new.html", form)
    except NotTheOther:
        abort(403)
    web.flash("success", _("已登记，另一人批准之后开始保全"))
    return redirect(url_for("retention.hold_list"), 303)


ACTS: dict[str, Callable[..., None]] = {
    "approve": holds.approve,
    "refuse": holds.refuse,
    "ask_release": holds.ask_release,
    "release": holds.release,
}
# What takes the other of the two people, who must be another human (C-50).
SECOND = ("approve", "release")


@staff_pages.route("/holds/<uuid:hold_id>", methods=["GET", "POST"])
@requires(Permission.KEEPING_ORDER, step_up=True)
def hold(hold_id: uuid.UUID) -> Page:
    """Show one order to keep, and settle it."""
    try:
        row = holds.load(web.session(), hold_id)
    except SubjectUnknown:
        abort(404)
    if request.method == "GET":
        web.shows("holds.shown", "hold", hold_id, of=row.subject_kind.value, ids=[row.subject_id])
        return render_template(
            "retention/hold.html", row=row, state=hold_state(row), kinds=KINDS,
            mine=web.account_id(), moment=clock.now(),
        )  # fmt: skip
    action = request.form.get("action", "")
    act = ACTS.get(action)
    if act is None:
        abort(422)
    more = {"browser": client().devices} if action in SECOND else {}
    _settled(lambda: act(web.session(), web.actor(), hold_id, **more))
    return redirect(url_for("retention.hold", hold_id=hold_id), 303)


# --- orders for the archive ------------------------------------------------------------------


@staff_pages.get("/orders")
@requires(Permission.KEEPING_SEE)
def order_list() -> Page:
    """Show authorities' orders for part of the archive."""
    query = select(AuthorityQuery).order_by(AuthorityQuery.id.desc()).limit(PAGE + 1)
    if after := paging.after_id():
        query = query.where(AuthorityQuery.id < after)
    rows, next_url = paging.page_of(web.session().scalars(query).all(), PAGE, lambda row: row.id)
    web.shows("archive.listed", "authority_query", ids=[row.id for row in rows])
    return render_template(
        "retention/orders.html", rows=[(row, query_state(row)) for row in rows], next_url=next_url
    )


@staff_pages.route("/orders/new", methods=["GET", "POST"])
@requires(Permission.KEEPING_ORDER, step_up=True)
def order_new() -> Page:
    """Enter an authority's order."""
    form = QueryForm()
    if request.method == "GET" or not form.validate():
        return _form_page("retention/order_new.html", form)
    try:
        archiving.ask(
            web.session(),
            web.actor(),
            order=_order(form),
            account_ids=form.ids,
            mainland=form.mainland.data == "yes",
        )
    except ForeignBody:
        form.mainland.errors = [
            _("不能向境外机构提供。请告知对方通过中国主管机关提出，并报告个人信息保护负责人。")
        ]
        return _form_page("retention/order_new.html", form)
    except SubjectUnknown:
        form.accounts.errors = [_("有的编号在封存档案里没有，请逐个核对")]
        return _form_page("retention/order_new.html", form)
    except NoArchive:
        abort(409, description=_("还没有设置封存档案的密钥（ARCHIVE_RECIPIENT），没有可以取出的。"))
    except NotTheOther:
        abort(403)
    web.flash("success", _("已登记，另一人批准之后可以在处理机上取出"))
    return redirect(url_for("retention.order_list"), 303)


@staff_pages.route("/orders/<uuid:query_id>", methods=["GET", "POST"])
@requires(Permission.KEEPING_ORDER, step_up=True)
def order(query_id: uuid.UUID) -> Page:
    """Show one order for the archive, and settle it."""
    row = web.session().get(AuthorityQuery, query_id)
    if row is None:
        abort(404)
    if request.method == "GET":
        web.shows("archive.shown", "authority_query", query_id, ids=row.account_ids)
        return render_template(
            "retention/order.html", row=row, state=query_state(row), mine=web.account_id()
        )
    action = request.form.get("action")
    if action not in ("approve", "refuse"):
        abort(422)
    _settled(
        lambda: archiving.settle(
            web.session(),
            web.actor(),
            query_id,
            approved=action == "approve",
            browser=client().devices,
        )
    )
    return redirect(url_for("retention.order", query_id=query_id), 303)


def _order(form: OrderForm) -> holds.Order:
    return holds.Order(
        authority=form.authority.data or "",
        order_number=form.order_number.data or "",
        statute=form.statute.data or "",
        scope=form.scope.data or "",
    )


def _settled(act: Callable[[], None]) -> None:
    try:
        act()
    except NotTheOther:
        abort(
            403,
            description=_("这要个人信息保护负责人和管理员两个人：请由另一人在自己的电脑上办理。"),
        )
    except AlreadySettled:
        abort(409, description=_("这已经办过了，请刷新页面看现在的状态。"))
    web.flash("success", _("已办理"))


def _form_page(template: str, form: OrderForm) -> Page:
    page = render_template(template, form=form)
    return page, 422 if request.method == "POST" else 200
