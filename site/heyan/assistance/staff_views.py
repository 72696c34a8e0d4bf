"""Staff pages: open accounts, look one up, issue codes, freeze, and slow changes by two clerks."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from heyan import paging, web
from heyan.access import Permission, Scenario, requires
from heyan.accounts import assisted
from heyan.accounts.errors import LoginTaken
from heyan.accounts.models import Account
from heyan.accounts.pages import client
from heyan.approvals.service import require_grant
from heyan.assistance import changes, doors, recovery
from heyan.assistance.forms import (
    ALL_CHECK_WORDS,
    ALL_PROOF_WORDS,
    ChangeForm,
    FindForm,
    PhoneChangeForm,
    ResetForm,
    RevealForm,
)
from heyan.assistance.models import ChangeKind
from heyan.audit.service import record
from heyan.classification import mask_name, mask_phone
from heyan.db import transaction
from heyan.oversight.names import own_name

staff_pages = Blueprint("staff_assistance", __name__, url_prefix="/staff/accounts")
Page = str | Response | tuple[str, int]
ASSIST = Permission.ACCOUNTS_ASSIST
ONE = "/<uuid:account_id>"


@staff_pages.route("", methods=["GET", "POST"])
@requires(ASSIST)
def index() -> Page:
    """Look an account up by its number (never in the address), and show what waits."""
    if request.method == "GET":
        return _index(FindForm(formdata=None))
    form = FindForm()
    if not form.validate():
        return _index(form), 422
    changes.carry_out(web.session(), web.actor(), phone=form.phone.e164)
    found = assisted.by_phone(web.session(), form.phone.e164)
    with transaction(web.session()):
        record(
            web.session(),
            web.actor(),
            "assistance.find",
            "account",
            found.id if found else None,
            found=found is not None,
        )
    if found is None:
        form.phone.errors = [_("这个号码没有账号")]
        return _index(form), 422
    return redirect(url_for("staff_assistance.show", account_id=found.id), 303)


def _index(form: FindForm) -> str:
    rows = changes.queue(web.session(), after=paging.after_id(), limit=changes.PAGE + 1)
    shown, next_url = paging.page_of(rows, changes.PAGE, lambda row: row.id)
    web.shows("assistance.listed", "account", ids=[row.account_id for row in shown])
    return render_template(
        "staff/assistance/index.html",
        form=form,
        rows=shown,
        next_url=next_url,
        proofs=ALL_PROOF_WORDS,
        kinds=ChangeKind,
    )


def _get(account_id: uuid.UUID) -> Account:
    found = assisted.public_account(web.session(), account_id)
    if found is None:
        abort(404)
    return found


@staff_pages.get(ONE)
@requires(ASSIST)
def show(account_id: uuid.UUID) -> Page:
    """Show one account, masked until it is revealed under a standing grant."""
    return _detail(account_id)


def _detail(account_id: uuid.UUID, *, seen: bool = False, **forms: Any) -> str:
    account = _get(account_id)
    if not seen:  # a reveal is an entry already
        web.shows("assistance.shown", "account", account_id)
    named = account.name or ""
    shown = {
        "reset": ResetForm(formdata=None),
        "reveal": RevealForm(formdata=None),
        **forms,
    }
    return render_template(
        "staff/assistance/show.html",
        account=account,
        name=named if seen else mask_name(named),
        phone=account.login if seen else mask_phone(account.login),
        seen=seen,
        frozen=recovery.frozen(web.session(), account_id),
        changes=changes.underway(web.session(), account_id),
        kinds=ChangeKind,
        **shown,
    )


@staff_pages.post(f"{ONE}/reveal")
@requires(ASSIST)
def reveal(account_id: uuid.UUID) -> Page:
    """Show name and number once, for a reason that is put on record."""
    account = _get(account_id)
    form = RevealForm()
    if not form.validate():
        return _detail(account_id, reveal=form), 422
    with transaction(web.session()):
        require_grant(web.session(), web.account_id(), Scenario.ACCOUNTS)
        record(
            web.session(),
            web.actor(),
            "assistance.reveal",
            "account",
            account_id,
            reason=form.reason.data,
            **own_name(web.session(), web.account_id(), account.name),
        )
    return _detail(account_id, seen=True)


@staff_pages.post(f"{ONE}/reset")
@requires(ASSIST, step_up=True)
def reset(account_id: uuid.UUID) -> Page:
    """Issue a reset code: by SMS, or to be read out on a call back to the number on file."""
    _get(account_id)
    form = ResetForm()
    if not form.validate():
        return _detail(account_id, reset=form), 422
    try:
        code = recovery.issue_reset(
            web.session(), web.settings(), web.actor(), account_id, form.way.data
        )
    except recovery.AccountUnknown:
        form.way.errors = [_("这个账号已停用，不能重置")]
        return _detail(account_id, reset=form), 409
    except doors.CannotSend:
        form.way.errors = [_("短信现在发不出去，请改用回拨登记的号码念给本人")]
        return _detail(account_id, reset=form), 422
    if code is None:
        web.flash("success", _("重置码已发到账号登记的号码，10 分钟内有效"))
        return redirect(url_for("staff_assistance.show", account_id=account_id), 303)
    return render_template("staff/assistance/reset_code.html", code=code, account_id=account_id)


@staff_pages.route(f"{ONE}/freeze", methods=["GET", "POST"])
@requires(ASSIST, step_up=True)
def freeze(account_id: uuid.UUID) -> Page:
    """Freeze an account that is said to be in strange hands."""
    _get(account_id)
    if request.method == "GET":
        return render_template("staff/assistance/freeze.html", account_id=account_id)
    try:
        recovery.freeze(web.session(), web.actor(), account_id, reported_by="staff")
    except (recovery.AccountUnknown, recovery.NotFrozen):
        abort(409, description=_("这个账号已经冻结、停用或注销，不必再冻结。"))
    web.flash("success", _("已冻结：全部登录已结束，材料暂停交出，已通知个人信息保护负责人"))
    return redirect(url_for("staff_assistance.show", account_id=account_id), 303)


@staff_pages.route(f"{ONE}/changes/<any(phone, factor):what>", methods=["GET", "POST"])
@requires(ASSIST, step_up=True)
def ask(account_id: uuid.UUID, what: str) -> Page:
    """Write down that somebody without their number or second factor proved who they are."""
    _get(account_id)
    kind = ChangeKind(what)
    form = PhoneChangeForm() if kind is ChangeKind.PHONE else ChangeForm()
    if request.method == "POST" and form.validate():
        try:
            changes.ask(
                web.session(),
                web.actor(),
                account_id,
                kind=kind,
                proof=form.proof.data,
                checked=form.checked.data or [],
                phone=form.phone.e164 if isinstance(form, PhoneChangeForm) else None,
            )
        except changes.AskedAlready:
            form.proof.errors = [_("这个账号已经有一项同样的申请在办理")]
        except LoginTaken:
            form["phone"].errors = [_("新号码已经有账号，请换一个号码")]
        else:
            web.flash("success", _("已登记，请另一位同事确认"))
            return redirect(url_for("staff_assistance.show", account_id=account_id), 303)
    page = render_template(
        "staff/assistance/change.html", form=form, account_id=account_id, what=what
    )
    return page, 422 if request.method == "POST" else 200


@staff_pages.route("/changes/<uuid:change_id>", methods=["GET", "POST"])
@requires(ASSIST, step_up=True)
def confirm(change_id: uuid.UUID) -> Page:
    """Confirm a change as the second clerk, or take it back."""
    if request.method == "GET":
        row = changes.get(web.session(), change_id)
        if row is None:
            abort(404)
        web.shows("assistance.shown", "account", row.account_id, change_id=change_id)
        here = web.login_session()
        return render_template(
            "staff/assistance/confirm.html",
            row=row,
            kinds=ChangeKind,
            proofs=ALL_PROOF_WORDS,
            checks=ALL_CHECK_WORDS,
            phone=mask_phone(row.new_login) if row.new_login else "",
            own=here is not None and here.account_id == row.asked_by,
        )
    try:
        if request.form.get("action") == "decline":
            changes.decline(web.session(), web.actor(), change_id)
            web.flash("success", _("申请已撤回"))
        else:
            changes.confirm(
                web.session(), web.settings(), web.actor(), change_id, browser=client().devices
            )
            web.flash("success", _("已确认，72 小时后生效；原来的联系渠道已收到通知"))
    except changes.SamePerson:
        abort(403, description=_("登记和确认必须是两个人：请由另一位同事在自己的电脑上确认。"))
    except changes.ChangeUnknown:
        abort(404)
    return redirect(url_for("staff_assistance.index"), 303)
