"""Staff pages that belong to no single feature: the home, the people, who may do what."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from heyan import paging, web
from heyan.access import (
    GRANTS,
    REALM_OF,
    SCENARIOS,
    Permission,
    Realm,
    Role,
    Scenario,
    requires,
)
from heyan.accounts import service as accounts
from heyan.accounts.errors import LoginTaken, NotFound, NotThisOne, RolesRefused
from heyan.accounts.forms import InviteStaffForm
from heyan.accounts.models import AccountStatus
from heyan.accounts.pages import ROLE_NAMES, invitation_life, person
from heyan.approvals.grants import live_until
from heyan.approvals.requests import APPROVERS, HOURS
from heyan.approvals.wording import SCENARIO_NAMES
from heyan.staff.queue import waiting_for

staff_pages = Blueprint("staff", __name__, url_prefix="/staff")
Page = str | Response | tuple[str, int]
SIZE = 50
PERMISSION_NAMES: dict[Permission, Any] = {
    Permission.OWN_ACCOUNT: _l("自己的账号"),
    Permission.OWN_ENROLMENT: _l("自己的学员和报名"),
    Permission.ORGANIZER_HOME: _l("主办单位首页"),
    Permission.ORGANIZER_KEYS: _l("管理本单位的密钥"),
    Permission.ORGANIZER_MEMBERS: _l("管理本单位的成员"),
    Permission.ORGANIZER_RELEASES: _l("下载本单位的批次"),
    Permission.ORGANIZER_DECIDE: _l("作出核验结论"),
    Permission.STAFF_HOME: _l("员工首页"),
    Permission.LEADS_WORK: _l("处理回电登记"),
    Permission.CONTACTS_WORK: _l("记录来往、跟进和录音"),
    Permission.MESSAGES_SEE: _l("查看邮件短信的去向"),
    Permission.USAGE_SEE: _l("查看浏览统计"),
    Permission.ACCOUNTS_ASSIST: _l("代为开立账号、协助找回"),
    Permission.AGREEMENTS_SEE: _l("查看协议"),
    Permission.AGREEMENTS_MANAGE: _l("提出和中止协议"),
    Permission.AGREEMENTS_APPROVE: _l("批准协议生效"),
    Permission.KEEPING_SEE: _l("查看保存与销毁"),
    Permission.ASSESSMENTS_SEE: _l("查看影响评估和处理记录"),
    Permission.ASSESSMENTS_WRITE: _l("写影响评估"),
    Permission.ASSESSMENTS_CONFIRM: _l("确认别人写的影响评估"),
    Permission.WINDDOWN_SEE: _l("查看停止服务的安排"),
    Permission.WINDDOWN_PROPOSE: _l("提出停止服务"),
    Permission.WINDDOWN_APPROVE: _l("批准停止服务"),
    Permission.KEEPING_ORDER: _l("登记和批准保全、有权机关的指令"),
    Permission.EVENTS_MANAGE: _l("管理项目"),
    Permission.ORGANIZATIONS_SEE: _l("查看主办单位"),
    Permission.ORGANIZATIONS_MANAGE: _l("提出和修改主办单位"),
    Permission.ORGANIZATIONS_APPROVE: _l("批准主办单位"),
    Permission.RECIPIENTS_SEE: _l("查看待审密钥"),
    Permission.RECIPIENTS_CONFIRM: _l("核对密钥指纹"),
    Permission.RECIPIENTS_APPROVE: _l("批准密钥"),
    Permission.STAFF_MANAGE: _l("管理人员"),
    Permission.VIEWINGS_OWN: _l("打开经批准查看的材料"),
    Permission.VIEWINGS_KEYS_CONFIRM: _l("核对同事的查看密钥"),
    Permission.RIGHTS_WORK: _l("办理权利请求"),
    Permission.RIGHTS_CONFIRM: _l("确认拒绝、批准近亲属请求"),
    Permission.AUDIT_READ: _l("查阅审计"),
    Permission.ALERTS_WORK: _l("处理员工操作的告警"),
    Permission.REPORTS_SEE: _l("查看和下载审计报告"),
    Permission.FINDINGS_MANAGE: _l("登记和办结审计发现的问题"),
    Permission.TRAINING_MANAGE: _l("登记培训和考试、发布内部制度"),
    Permission.APPROVALS_SEE: _l("查看审批和授权"),
    Permission.APPROVALS_ASK: _l("申请查看敏感信息"),
    Permission.APPROVALS_DECIDE: _l("批准查看申请"),
    Permission.GRANTS_PROPOSE: _l("提出联系信息的授权"),
    Permission.GRANTS_APPROVE: _l("批准联系信息的授权"),
    Permission.REGISTRATIONS_SEE: _l("按报名号查询（不显示姓名和联系方式）"),
    Permission.FACTORS_RESET: _l("核实丢失的第二样证明"),
    Permission.ACCESS_REVIEW: _l("定期复核权限"),
    Permission.EXPORTS_ASK: _l("申请导出名单"),
    Permission.SAFETY_WORK: _l("判断风险提示"),
    Permission.POLICIES_SEE: _l("查看政策版本"),
    Permission.POLICIES_DRAFT: _l("提出政策的新版本"),
    Permission.POLICIES_APPROVE: _l("批准政策的新版本"),
}


@staff_pages.get("")
@requires(Permission.STAFF_HOME)
def home() -> Page:
    """Show what is due and overdue for this person."""
    return render_template("staff/home.html", lines=waiting_for(web.session(), person()))


@staff_pages.get("/access")
@requires(Permission.AUDIT_READ)
def access() -> Page:
    """Show which role may do what, and see what for, from the code that decides it (I2, S-086)."""
    staff = [role for role in Role if REALM_OF[role] is Realm.STAFF]
    live = live_until(web.session())
    return render_template(
        "staff/access.html",
        roles=[(role, ROLE_NAMES[role.value], REALM_OF[role].value) for role in Role],
        permissions=[
            (PERMISSION_NAMES[item], [item in GRANTS[role] for role in Role]) for item in Permission
        ],
        scenarios=[
            (
                SCENARIO_NAMES[scenario],
                [(role in SCENARIOS[scenario], live.get((role, scenario))) for role in staff],
            )
            for scenario in Scenario
        ],
        staff=[ROLE_NAMES[role.value] for role in staff],
        approvers=[
            (level, [ROLE_NAMES[role.value] for role in Role if role in needed], HOURS[level])
            for level, needed in APPROVERS.items()
        ],
    )


# --- people ----------------------------------------------------------------------------------


@staff_pages.get("/people")
@requires(Permission.STAFF_MANAGE)
def people() -> Page:
    """List colleagues, the newest first."""
    roles = {role.value: role for role in Role if REALM_OF[role] is Realm.STAFF}
    states = {state.value: state for state in AccountStatus}
    role, status = request.args.get("role", ""), request.args.get("status", "")
    rows = accounts.people(
        web.session(),
        Realm.STAFF,
        role=roles.get(role),
        status=states.get(status),
        after=paging.after_id(),
        limit=SIZE + 1,
    )
    shown, next_url = paging.page_of(rows, SIZE, lambda row: row.id)
    web.shows("staff.listed", "account", ids=[row.id for row in shown])
    return render_template(
        "staff/people/index.html",
        people=shown,
        next_url=next_url,
        role=role,
        status=status,
        roles={key: ROLE_NAMES[key] for key in roles},
        me=person().account_id,
    )


@staff_pages.route("/people/new", methods=["GET", "POST"])
@requires(Permission.STAFF_MANAGE, step_up=True)
def invite() -> Page:
    """Invite a colleague; the code is shown once."""
    form = InviteStaffForm()
    if request.method == "POST" and form.validate():
        try:
            issued = accounts.invite(
                web.session(),
                web.actor(),
                realm=Realm.STAFF,
                login=form.login.data or "",
                name=form.name.data or "",
                staff_number=form.staff_number.data or "",
                roles=[Role(value) for value in form.roles.data or ()],
                lifetime=invitation_life(),
            )
        except LoginTaken:
            form.login.errors = [_("这个登录名已被使用，请换一个")]
        except RolesRefused:
            form.roles.errors = [_("这些职责不能由一个人兼任")]
        else:
            return _code_page(issued, form.name.data or "")
    page = render_template("staff/people/invite.html", form=form)
    return page, 422 if request.method == "POST" else 200


def _code_page(issued: accounts.InvitationCode, name: str) -> str:
    return render_template(
        "staff/people/code.html", issued=issued, name=name, back=url_for("staff.people")
    )


def _colleague(account_id: uuid.UUID) -> accounts.Person:
    found = accounts.people(web.session(), Realm.STAFF, only=account_id)
    if not found:
        abort(404)
    if request.method == "GET":  # what a POST does is an entry of its own
        web.shows("staff.shown", "account", account_id)
    return found[0]


@staff_pages.route("/people/<uuid:account_id>/reissue", methods=["GET", "POST"])
@requires(Permission.STAFF_MANAGE, step_up=True)
def reissue(account_id: uuid.UUID) -> Page:
    """Give a fresh code to a colleague who lost the password or whose invitation ran out."""
    found = _colleague(account_id)
    if request.method == "GET":
        return render_template("staff/people/act.html", act="reissue", someone=found)
    try:
        issued = accounts.reissue(
            web.session(),
            web.actor(),
            realm=Realm.STAFF,
            account_id=account_id,
            lifetime=invitation_life(),
        )
    except NotFound:
        abort(409, description=_("已停用的账号不能发激活码，请先恢复。"))
    return _code_page(issued, found.name)


@staff_pages.route("/people/<uuid:account_id>/disable", methods=["GET", "POST"])
@requires(Permission.STAFF_MANAGE, step_up=True)
def disable(account_id: uuid.UUID) -> Page:
    """Shut a colleague out at once."""
    found = _colleague(account_id)
    if request.method == "GET":
        return render_template("staff/people/act.html", act="disable", someone=found)
    try:
        accounts.disable(web.session(), web.actor(), realm=Realm.STAFF, account_id=account_id)
    except NotThisOne:
        abort(409, description=_("不能停用自己，也不能停用最后一位管理员。"))
    web.flash("success", _("账号已停用，所有会话都已结束"))
    return redirect(url_for("staff.people"), 303)


@staff_pages.route("/people/<uuid:account_id>/enable", methods=["GET", "POST"])
@requires(Permission.STAFF_MANAGE, step_up=True)
def enable(account_id: uuid.UUID) -> Page:
    """Let a disabled colleague in again."""
    found = _colleague(account_id)
    if request.method == "GET":
        return render_template("staff/people/act.html", act="enable", someone=found)
    accounts.enable(web.session(), web.actor(), realm=Realm.STAFF, account_id=account_id)
    web.flash("success", _("账号已恢复"))
    return redirect(url_for("staff.people"), 303)


@staff_pages.route("/people/<uuid:account_id>/end-sessions", methods=["GET", "POST"])
@requires(Permission.STAFF_MANAGE, step_up=True)
def end_sessions(account_id: uuid.UUID) -> Page:
    """End all sessions of a colleague (C-43)."""
    found = _colleague(account_id)
    if request.method == "GET":
        return render_template("staff/people/act.html", act="end_sessions", someone=found)
    count = accounts.end_sessions(
        web.session(), web.actor(), realm=Realm.STAFF, account_id=account_id
    )
    web.flash("success", _("已结束 %(count)s 个会话", count=count))
    return redirect(url_for("staff.people"), 303)
