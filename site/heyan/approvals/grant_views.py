"""Staff pages of standing grants: who may see contact data now, until when; propose, decide."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from heyan import clock, paging, web
from heyan.access import SCENARIOS, Permission, Role, requires
from heyan.accounts.pages import ROLE_NAMES, client
from heyan.approvals import grants
from heyan.approvals.forms import DecideForm, GrantForm
from heyan.approvals.grants import GrantRefused, GrantUnknown, NotApprover, SamePerson
from heyan.approvals.models import GrantStatus, StandingGrant
from heyan.approvals.states import NotNow
from heyan.approvals.wording import EXPIRED, GRANT_STATES, SCENARIO_NAMES

Page = str | Response | tuple[str, int]
ONE = "/grants/<uuid:grant_id>"
SIZE = 50


def _state(row: StandingGrant) -> tuple[Any, str]:
    if row.status is GrantStatus.APPROVED and row.ends_at and row.ends_at <= clock.now():
        return EXPIRED
    return GRANT_STATES[row.status]


def _words() -> dict[str, Any]:
    return {"role_names": ROLE_NAMES, "scenarios": SCENARIO_NAMES, "state_of": _state}


@requires(Permission.APPROVALS_SEE)
def overview() -> Page:
    """Show each role × scenario with the time that is left, and every grant there was."""
    session = web.session()
    rows = grants.listed(session, after=paging.after_id(), limit=SIZE + 1)
    shown, next_url = paging.page_of(rows, SIZE, lambda row: row.id)
    live = grants.live_until(session)
    moment = clock.now()
    pairs = [
        (scenario, role, ends, max(0, (ends - moment).days) if ends else None)
        for scenario, roles in SCENARIOS.items()
        for role in Role
        if role in roles
        for ends in [live.get((role, scenario))]
    ]
    return render_template(
        "approvals/grants.html", rows=shown, next_url=next_url, pairs=pairs,
        status=GrantStatus, me=web.account_id(), **_words(),
    )  # fmt: skip


@requires(Permission.GRANTS_PROPOSE, step_up=True)
def propose() -> Page:
    """Propose a grant; a privacy officer who is another person decides."""
    form = GrantForm()
    if request.method == "POST" and form.validate():
        scenario, role = form.chosen()
        try:
            grants.propose(
                web.session(), web.actor(), role=role, scenario=scenario,
                purpose=form.purpose.data or "", days=form.days.data or 0,
            )  # fmt: skip
        except GrantRefused:
            form.pair.errors = [_("同样的授权已经提出，正在等待批准")]
        else:
            web.flash("success", _("已提出，个人信息保护负责人批准之后生效"))
            return redirect(url_for("staff_approvals.grants"), 303)
    page = render_template("approvals/grant_new.html", form=form)
    return page, 422 if request.method == "POST" else 200


def _load(grant_id: uuid.UUID) -> StandingGrant:
    try:
        return grants.get(web.session(), grant_id)
    except GrantUnknown:
        abort(404)


@requires(Permission.GRANTS_APPROVE, step_up=True)
def decide(grant_id: uuid.UUID) -> Page:
    """Approve or refuse a proposed grant."""
    row = _load(grant_id)
    form = DecideForm()
    if request.method == "POST" and form.validate():
        try:
            grants.decide(
                web.session(), web.actor(), grant_id, approve=form.approved,
                reason=form.reason.data or "", browser=client().devices,
            )  # fmt: skip
        except (SamePerson, NotApprover):
            abort(403, description=_("提出和批准必须是两个人：请由另一位同事在自己的电脑上批准。"))
        except NotNow:
            abort(409, description=_("这项授权已经有了结果，请回到列表看现在的状态。"))
        web.flash("success", _("已记录您的决定"))
        return redirect(url_for("staff_approvals.grants"), 303)
    page = render_template("approvals/grant_decide.html", row=row, form=form, **_words())
    return page, 422 if request.method == "POST" else 200


@requires(Permission.APPROVALS_DECIDE, step_up=True)
def revoke(grant_id: uuid.UUID) -> Page:
    """End a grant, or take a proposal back, at once."""
    row = _load(grant_id)
    if request.method == "GET":
        return render_template("approvals/grant_revoke.html", row=row, **_words())
    try:
        grants.revoke(web.session(), web.actor(), grant_id)
    except NotApprover:
        abort(403)
    except NotNow:
        abort(409, description=_("这项授权已经结束。"))
    web.flash("success", _("已撤销，从下一次打开页面起不再显示"))
    return redirect(url_for("staff_approvals.grants"), 303)


def add_to(pages: Blueprint) -> None:
    """Put these pages on the blueprint of approvals."""
    both = ["GET", "POST"]
    pages.add_url_rule("/grants", "grants", overview)
    pages.add_url_rule("/grants/new", "propose_grant", propose, methods=both)
    pages.add_url_rule(f"{ONE}/decide", "decide_grant", decide, methods=both)
    pages.add_url_rule(f"{ONE}/revoke", "revoke_grant", revoke, methods=both)
