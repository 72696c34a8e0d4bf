"""Staff pages of flags: the queue, and one flag with its reason and what people did."""

from __future__ import annotations

import uuid
from contextlib import suppress

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from heyan import paging, web
from heyan.access import Permission, requires
from heyan.accounts.pages import client
from heyan.safety import service
from heyan.safety.forms import DecisionForm
from heyan.safety.models import FlagAct, FlagState
from heyan.safety.rules import DONE, RULES, STATES

staff_pages = Blueprint("staff_safety", __name__, url_prefix="/staff/safety")
Page = str | Response | tuple[str, int]
ONE = "/<uuid:flag_id>"


@staff_pages.get("")
@requires(Permission.SAFETY_WORK)
def index() -> Page:
    """List what people are to look at, undecided first unless asked otherwise."""
    asked = request.args.get("state", FlagState.OPEN.value)
    state = None
    with suppress(ValueError):
        state = FlagState(asked)
    rows = service.listed(
        web.session(), state=state, after=paging.after_id(), limit=service.PAGE + 1
    )
    shown, next_url = paging.page_of(rows, service.PAGE, lambda row: row.flag.id)
    web.shows("safety.listed", "safety_flag", ids=[row.flag.id for row in shown])
    return render_template(
        "staff/safety/index.html",
        rows=shown,
        next_url=next_url,
        asked=asked,
        rules=RULES,
        states=STATES,
    )


@staff_pages.get(ONE)
@requires(Permission.SAFETY_WORK)
def show(flag_id: uuid.UUID) -> Page:
    """Show one flag: why it is there, whom it concerns (masked), what was done."""
    return _page(flag_id)


@staff_pages.post(ONE)
@requires(Permission.SAFETY_WORK)
def decide(flag_id: uuid.UUID) -> Page:
    """Do what a person decided, for the reason given."""
    form = DecisionForm()
    row = _get(flag_id)
    form.offer(row.flag, service.lines(web.session(), flag_id))
    if not form.validate():
        return _page(flag_id, form)
    act = FlagAct(form.act.data)
    try:
        service.decide(
            web.session(),
            web.settings(),
            web.actor(),
            web.evidence(),
            flag_id,
            act=act,
            note=form.note.data or "",
            chosen=[uuid.UUID(one) for one in form.chosen.data or []],
            browser=client().devices,
        )
    except service.NobodyChosen:
        form.chosen.errors = [_("请勾选涉及谁")]
        return _page(flag_id, form)
    except service.OwnFlag:
        form.act.errors = [_("这条提示涉及您自己的账号，请由另一位同事判断")]
        return _page(flag_id, form)
    except service.WrongTurn:
        web.flash("error", _("另一位同事刚刚作了判断，请先看现在的情况"))
        return redirect(url_for("staff_safety.show", flag_id=flag_id), 303)
    web.flash("success", _("已记录：%(what)s", what=str(DONE[act])))
    return redirect(url_for("staff_safety.show", flag_id=flag_id), 303)


def _get(flag_id: uuid.UUID) -> service.Row:
    try:
        return service.get(web.session(), flag_id)
    except service.FlagUnknown:
        abort(404)


def _page(flag_id: uuid.UUID, form: DecisionForm | None = None) -> Page:
    row, session = _get(flag_id), web.session()
    lines = service.lines(session, flag_id)
    web.shows("safety.shown", "safety_flag", flag_id, ids=[line.account_id for line in lines])
    if form is None:
        form = DecisionForm(formdata=None)
        form.offer(row.flag, lines)
    page = render_template(
        "staff/safety/show.html",
        row=row,
        rule=RULES[row.flag.kind],
        state=STATES[row.flag.state],
        lines=lines,
        acts=service.history(session, flag_id),
        done=DONE,
        form=form if service.possible(row.flag.state) else None,
    )
    return page, 422 if form.errors else 200
