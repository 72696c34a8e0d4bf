"""The staff queue of callbacks: everything masked until a reason is given."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.wrappers import Response

from heyan import clock, web
from heyan.access import Permission, Scenario, requires
from heyan.approvals.service import masked_because
from heyan.leads import doubles, queue
from heyan.leads.forms import (
    CALL_TIMES,
    OUTCOMES,
    AssignForm,
    MergeForm,
    OutcomeForm,
    RevealForm,
)
from heyan.leads.hours import may_call
from heyan.leads.models import LeadOutcome, LeadStatus
from heyan.leads.queue import LeadUnknown, NotNow, Revealed, Taken, View

staff_pages = Blueprint("staff_leads", __name__)
Page = str | Response | tuple[str, int]
VIEWS: dict[View, Any] = {
    View.LIVE: _l("待回电"),
    View.CALL: _l("现在可拨打"),
    View.MINE: _l("由我回电"),
    View.UNASSIGNED: _l("未分配"),
    View.OVERDUE: _l("已超时"),
    View.CLOSED: _l("已办结"),
}


@staff_pages.get("/staff/leads")
@requires(Permission.LEADS_WORK)
def index() -> Page:
    """List the queue: due and overdue first."""
    view = next((each for each in View if each.value == request.args.get("state")), View.LIVE)
    session = web.session()
    found = queue.queue(
        session, web.settings(), web.actor(), view=view, after=request.args.get("after")
    )
    next_url = url_for("staff_leads.index", state=view.value, after=found.after)
    web.shows("leads.listed", "lead", view=view.value, ids=[line.id for line in found.lines])
    return render_template(
        "leads/queue.html",
        lines=found.lines,
        next_url=next_url if found.after else None,
        view=view,
        views=VIEWS,
        callers=queue.callers(session),
        **_words(),
    )


@staff_pages.get("/staff/leads/<uuid:lead_id>")
@requires(Permission.LEADS_WORK)
def show(lead_id: uuid.UUID) -> Page:
    """Show one lead, masked."""
    return _page(lead_id)


@staff_pages.post("/staff/leads/<uuid:lead_id>/reveal")
@requires(Permission.LEADS_WORK)
def reveal(lead_id: uuid.UUID) -> Page:
    """Show name and number once, for a reason that is put on record."""
    form = RevealForm()
    if not form.validate():
        return _page(lead_id, reveal_form=form, status=422)
    try:
        seen = queue.reveal(web.session(), web.settings(), web.actor(), lead_id, form.reason.data)
    except LeadUnknown:
        abort(404)
    except NotNow:
        words = _("现在不在可以拨打的时间内，或者对方要求勿再联系，号码不显示。")
        return _page(lead_id, reveal_form=form, problem=words, status=409)
    return _page(lead_id, seen=seen)


@staff_pages.post("/staff/leads/<uuid:lead_id>/assign")
@requires(Permission.LEADS_WORK)
def assign(lead_id: uuid.UUID) -> Page:
    """Give the lead to someone."""
    form = AssignForm()
    try:
        to = uuid.UUID(form.to.data) if form.to.data else None
        expected = uuid.UUID(form.expected.data) if form.expected.data else None
        queue.assign(web.session(), web.actor(), lead_id, to, expected=expected)
    except (LeadUnknown, ValueError):
        abort(404)
    except Taken:
        words = _("这条登记刚刚已经由别的同事领取或办结，下面是现在的状态。")
        return _page(lead_id, problem=words, status=409)
    web.flash("success", _("已分配。"))
    return redirect(url_for("staff_leads.show", lead_id=lead_id), 303)


@staff_pages.post("/staff/leads/<uuid:lead_id>/outcome")
@requires(Permission.LEADS_WORK)
def outcome(lead_id: uuid.UUID) -> Page:
    """Write how the call ended."""
    form = OutcomeForm()
    if not form.validate():
        return _page(lead_id, outcome_form=form, status=422)
    try:
        queue.settle(
            web.session(),
            web.settings(),
            web.actor(),
            lead_id,
            LeadOutcome(form.outcome.data),
            form.note.data or "",
        )
    except LeadUnknown:
        abort(404)
    except Taken:
        words = _("这条登记刚刚已经由别的同事办结，下面是现在的状态。")
        return _page(lead_id, problem=words, status=409)
    web.flash("success", _("已记录回电结果。"))
    return redirect(url_for("staff_leads.index"), 303)


@staff_pages.post("/staff/leads/<uuid:lead_id>/merge")
@requires(Permission.LEADS_WORK)
def merge(lead_id: uuid.UUID) -> Page:
    """Close the lead as the double of another one of the same person."""
    form = MergeForm()
    if not form.validate():
        return _page(lead_id, merge_form=form, status=422)
    try:
        doubles.merge(web.session(), web.actor(), lead_id, form.lead_id)
    except (LeadUnknown, doubles.SameLead):
        form.into.errors = [_("没有这样一条可以合并的登记，请核对网址。")]
        return _page(lead_id, merge_form=form, status=422)
    except Taken:
        words = _("这条登记刚刚已经由别的同事办结，下面是现在的状态。")
        return _page(lead_id, problem=words, status=409)
    web.flash("success", _("已合并，下面是继续跟进的那条登记。"))
    return redirect(url_for("staff_leads.show", lead_id=form.lead_id), 303)


def _words() -> dict[str, Any]:
    settings = web.settings()
    return {
        "call_times": CALL_TIMES,
        "outcomes": OUTCOMES,
        "me": web.account_id(),
        "may_call": may_call(settings, clock.now()),
        "hours": (settings.call_from_hour, settings.call_until_hour),
        "LeadStatus": LeadStatus,
    }


def _page(
    lead_id: uuid.UUID,
    *,
    seen: Revealed | None = None,
    reveal_form: RevealForm | None = None,
    outcome_form: OutcomeForm | None = None,
    merge_form: MergeForm | None = None,
    problem: str = "",
    status: int = 200,
) -> Page:
    session = web.session()
    try:
        line = queue.line(session, lead_id)
    except LeadUnknown:
        abort(404)
    others = doubles.others(session, lead_id)
    if seen is None:  # a reveal is an entry already
        web.shows("leads.shown", "lead", lead_id, ids=[other.id for other in others])
    callers = queue.callers(session)
    assign_form = AssignForm(formdata=None, expected=line.assigned_to or "")
    assign_form.to.choices = [
        ("", _("不指定")),
        *((str(key), words) for key, words in callers.items()),
    ]
    assign_form.to.data = str(line.assigned_to or "")
    page = render_template(
        "leads/staff_show.html",
        lead=line,
        seen=seen,
        problem=problem,
        callers=callers,
        reveal_form=reveal_form or RevealForm(formdata=None),
        outcome_form=outcome_form or OutcomeForm(formdata=None),
        merge_form=merge_form or MergeForm(formdata=None),
        others=others,
        masked_because=masked_because(session, web.account_id(), Scenario.LEADS),
        assign_form=assign_form,
        **_words(),
    )
    return page, status
