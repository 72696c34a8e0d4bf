"""The desk: requests by phone, letter or visit, the clock, answers and refusals."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from heyan import clock, paging, web
from heyan.access import Permission, Realm, requires
from heyan.accounts.pages import client
from heyan.accounts.service import find
from heyan.assistance.changes import AskedAlready
from heyan.registrations.service import RegistrationUnknown
from heyan.rights import acts, effects, second_person, wording, workdays
from heyan.rights import requests as desk
from heyan.rights.forms import (
    AnswerForm,
    CheckForm,
    FeeForm,
    ReceiveForm,
    RefuseForm,
    RevealForm,
)
from heyan.rights.models import (
    DeletionGround,
    RightsChannel,
    RightsCheck,
    RightsKind,
    RightsRequest,
    RightsState,
)
from heyan.rights.reading import reveal as read_words
from heyan.rights.requests import Asked
from heyan.rights.states import WrongState
from heyan.students.service import StudentUnknown

staff_pages = Blueprint("staff_rights", __name__)
Page = str | Response | tuple[str, int]
P = Permission
SIZE = 50
_NOTHING = _l("这项请求没有可以自动办理的内容，请办好后写明答复。")
VIEWS: dict[str, Any] = {
    "open": _l("未办结"),
    "overdue": _l("已超时"),
    "refusing": _l("等第二人确认的拒绝"),
    "closed": _l("已办结"),
}


@staff_pages.get("/staff/rights")
@requires(P.RIGHTS_WORK)
def index() -> Page:
    """List requests; what is late stands out."""
    view = request.args.get("view", "open")
    rows = desk.queue(web.session(), view=view, after=paging.after_id(), limit=SIZE + 1)
    shown, next_url = paging.page_of(rows, SIZE, lambda row: row.id)
    web.shows("rights.listed", "rights_request", ids=[row.id for row in shown])
    return render_template(
        "rights/queue.html",
        rows=shown,
        next_url=next_url,
        view=view if view in VIEWS else "open",
        views=VIEWS,
        missing_year=workdays.missing_year(clock.local(clock.now()).date()),
        **_words(),
    )


@staff_pages.route("/staff/rights/new", methods=["GET", "POST"])
@requires(P.RIGHTS_WORK)
def new() -> Page:
    """Write down a request that came by phone, letter or visit (S-050)."""
    form = ReceiveForm()
    if request.method == "GET":
        return render_template("rights/receive.html", form=form)
    if not form.validate():
        return render_template("rights/receive.html", form=form), 422
    kind, account = RightsKind(form.kind.data), None
    if form.phone.data:
        account = find(web.session(), Realm.PUBLIC, form.phone.e164)
    if account is None and kind not in (
        RightsKind.EXPLAIN,
        RightsKind.COMPLAINT,
        RightsKind.NEXT_OF_KIN,
    ):
        form.phone.errors = [_("没有这个号码的账号；请核对号码，或者改记为投诉、解释")]
        return render_template("rights/receive.html", form=form), 422
    ground = form.ground.data if kind is RightsKind.DELETE else ""
    found = desk.receive(
        web.session(),
        web.actor(),
        Asked(
            kind=kind,
            channel=RightsChannel(form.channel.data),
            account_id=account.id if account else None,
            subject=form.purpose.data or None if kind is RightsKind.WITHDRAW else None,
            ground=DeletionGround(ground) if ground else None,
            words=form.words.data or "",
            reply_to=form.reply_to.data or None,
        ),
    )
    web.flash("success", _("已登记，编号 %(number)s。请告诉对方。", number=found.number))
    return redirect(url_for("staff_rights.show", request_id=found.id), 303)


@staff_pages.get("/staff/rights/<uuid:request_id>")
@requires(P.RIGHTS_WORK)
def show(request_id: uuid.UUID) -> Page:
    """Show a request; its words are hidden until a reason is given."""
    return _page(request_id)


@staff_pages.post("/staff/rights/<uuid:request_id>/reveal")
@requires(P.RIGHTS_WORK)
def reveal(request_id: uuid.UUID) -> Page:
    """Show what was written, once, for a reason that is put on record."""
    form = RevealForm()
    if not form.validate():
        return _page(request_id, status=422)
    try:
        words = read_words(web.session(), web.actor(), request_id, form.reason.data)
    except desk.RequestUnknown:
        abort(404)
    return _page(request_id, seen=words)


@staff_pages.post("/staff/rights/<uuid:request_id>/acknowledge")
@requires(P.RIGHTS_WORK)
def acknowledge(request_id: uuid.UUID) -> Page:
    """Say that it was received."""
    return _do(request_id, lambda: desk.acknowledge(web.session(), web.actor(), request_id))


@staff_pages.post("/staff/rights/<uuid:request_id>/check")
@requires(P.RIGHTS_WORK)
def check(request_id: uuid.UUID) -> Page:
    """Write down how it was made sure who asks (S-068)."""
    form = CheckForm()
    if not form.validate():
        return _page(request_id, status=422, check_form=form)
    return _do(
        request_id,
        lambda: desk.check_identity(
            web.session(),
            web.actor(),
            request_id,
            RightsCheck(form.how.data),
            form.proof.data or "",
        ),
    )


@staff_pages.post("/staff/rights/<uuid:request_id>/answer")
@requires(P.RIGHTS_WORK)
def answer(request_id: uuid.UUID) -> Page:
    """Answer in writing and close."""
    form = AnswerForm()
    if not form.validate():
        return _page(request_id, status=422, answer_form=form)
    return _do(
        request_id,
        lambda: desk.answer(web.session(), web.actor(), request_id, form.answer.data or ""),
    )


@staff_pages.post("/staff/rights/<uuid:request_id>/carry-out")
@requires(P.RIGHTS_WORK, step_up=True)
def carry_out(request_id: uuid.UUID) -> Page:
    """Do what is asked: correct, withdraw, delete or close."""
    text = _("本人通过客服提出，工作人员核对身份后办理。")
    return _do(
        request_id,
        lambda: acts.carry_out(
            web.session(),
            web.actor(),
            request_id,
            web.evidence(),
            text,
            browser=client().devices,
        ),
    )


@staff_pages.post("/staff/rights/<uuid:request_id>/refuse")
@requires(P.RIGHTS_WORK)
def refuse(request_id: uuid.UUID) -> Page:
    """Propose a refusal on one of the seven grounds (S-045, S-071)."""
    form = RefuseForm()
    if not form.validate():
        return _page(request_id, status=422, refuse_form=form)
    return _do(
        request_id,
        lambda: second_person.propose_refusal(
            web.session(), web.actor(), request_id, form.chosen, form.answer.data or ""
        ),
    )


@staff_pages.post("/staff/rights/<uuid:request_id>/refuse/confirm")
@requires(P.RIGHTS_CONFIRM, step_up=True)
def confirm_refusal(request_id: uuid.UUID) -> Page:
    """Confirm somebody else's refusal; it is sent."""
    return _do(
        request_id,
        lambda: second_person.confirm_refusal(
            web.session(), web.actor(), request_id, browser=client().devices
        ),
    )


@staff_pages.post("/staff/rights/<uuid:request_id>/refuse/drop")
@requires(P.RIGHTS_CONFIRM)
def drop_refusal(request_id: uuid.UUID) -> Page:
    """Do not refuse after all."""
    return _do(
        request_id, lambda: second_person.drop_refusal(web.session(), web.actor(), request_id)
    )


@staff_pages.post("/staff/rights/<uuid:request_id>/approve")
@requires(P.RIGHTS_CONFIRM, step_up=True)
def approve(request_id: uuid.UUID) -> Page:
    """Approve a next of kin's request; two are needed (L-21)."""
    return _do(
        request_id,
        lambda: second_person.approve_kin(
            web.session(), web.actor(), request_id, browser=client().devices
        ),
    )


@staff_pages.post("/staff/rights/<uuid:request_id>/fee/tell")
@requires(P.RIGHTS_WORK)
def tell_fee(request_id: uuid.UUID) -> Page:
    """Tell beforehand that a repeated request may cost something (S-069)."""
    return _do(request_id, lambda: second_person.tell_fee(web.session(), web.actor(), request_id))


@staff_pages.post("/staff/rights/<uuid:request_id>/fee")
@requires(P.RIGHTS_WORK)
def charge_fee(request_id: uuid.UUID) -> Page:
    """Record what a repeated request cost."""
    form = FeeForm()
    if not form.validate() or form.yuan.data is None:
        return _page(request_id, status=422, fee_form=form)
    fen = int(form.yuan.data * 100)
    return _do(
        request_id,
        lambda: second_person.charge_fee(
            web.session(), web.actor(), request_id, fen, form.record.data or ""
        ),
    )


# Why an act was not done, in words, and with which status.
PROBLEMS: dict[type[Exception], tuple[Any, int]] = {
    desk.NotChecked: (_l("还没有核对请求人的身份，先记录核对经过。"), 409),
    desk.NotApproved: (_l("近亲属的请求要两位同事批准，现在还不够。"), 409),
    desk.SamePerson: (
        _l("提出、登记或核对的人不能自己批准或者办理，每人也只能批准一次；请另一位同事来。"),
        409,
    ),
    desk.NotRepeated: (
        _l("第一次提出的请求不收费；只有多次重复的请求才可以收取成本费用。"),
        422,
    ),
    desk.NotTold: (_l("收费之前要先告知对方，请先记录告知。"), 409),
    desk.NoGround: (_l("拒绝必须选择七种情形之一，并写明解释。"), 422),
    acts.Held: (_l("有权机关要求保存，解除之前不能删除；请书面答复对方。"), 409),
    AskedAlready: (_l("这个账号已经有一项同样的申请在办理"), 409),
    acts.NumberTaken: (_l("这个手机号已经有别的账号在用，没有更改。"), 409),
    acts.NotThisKind: (_NOTHING, 409),
    acts.NothingToWithdraw: (_NOTHING, 409),
    StudentUnknown: (_NOTHING, 409),
    RegistrationUnknown: (_NOTHING, 409),
    WrongState: (_l("这项请求的状态已经变了，请看现在的状态。"), 409),
}


def _do(request_id: uuid.UUID, act: Callable[[], object]) -> Page:
    """Carry out *act*, or show the page again with why not."""
    try:
        act()
    except desk.RequestUnknown:
        abort(404)
    except tuple(PROBLEMS) as error:
        words, status = PROBLEMS[type(error)]
        return _page(request_id, problem=str(words), status=status)
    web.flash("success", _("已记录。"))
    return redirect(url_for("staff_rights.show", request_id=request_id), 303)


def _words() -> dict[str, Any]:
    return {
        "kinds": wording.KINDS,
        "states": wording.STATES,
        "channels": wording.CHANNELS,
        "checks": wording.CHECKS,
        "grounds": wording.GROUNDS,
        "refusals": wording.REFUSALS,
        "title_of": wording.title,
        "RightsState": RightsState,
        "RightsKind": RightsKind,
    }


def _page(
    request_id: uuid.UUID,
    *,
    seen: Any = None,
    problem: str = "",
    status: int = 200,
    check_form: CheckForm | None = None,
    answer_form: AnswerForm | None = None,
    refuse_form: RefuseForm | None = None,
    fee_form: FeeForm | None = None,
) -> Page:
    session = web.session()
    try:
        found: RightsRequest = desk.load(session, request_id)
    except desk.RequestUnknown:
        abort(404)
    if seen is None:  # a reveal is an entry already
        ids = [found.account_id] if found.account_id else []
        web.shows("rights.shown", "rights_request", request_id, ids=ids)
    acted = found.kind in (
        RightsKind.CORRECT,
        RightsKind.WITHDRAW,
        RightsKind.DELETE,
        RightsKind.CLOSE,
    )
    ends = found.kind in (RightsKind.DELETE, RightsKind.CLOSE) and found.account_id
    page = render_template(
        "rights/desk.html",
        request_row=found,
        seen=seen,
        problem=problem,
        acted=acted,
        needs_another=acts.needs_another(found),
        ending=effects.ending(session, found.account_id) if ends and found.account_id else [],
        repeated=desk.repeated(session, found),
        approvals=desk.approvals(session, found.id),
        approvers=desk.APPROVERS,
        me=web.account_id(),
        reveal_form=RevealForm(formdata=None),
        check_form=check_form or CheckForm(formdata=None),
        answer_form=answer_form or AnswerForm(formdata=None),
        refuse_form=refuse_form or RefuseForm(formdata=None),
        fee_form=fee_form or FeeForm(formdata=None),
        remedy=wording.remedy(),
        **_words(),
    )
    return page, status
