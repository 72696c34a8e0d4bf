"""Staff pages of oversight: alerts, audit reports, findings, training and rules."""

from __future__ import annotations

import threading
import time
import uuid
from datetime import timedelta
from typing import Any

import structlog
from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_babel import gettext as _
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import Forbidden
from werkzeug.wrappers import Response as WerkzeugResponse

from heyan import clock, paging, web
from heyan.access import Permission, requires
from heyan.accounts.pages import client, person
from heyan.audit.service import Actor, record
from heyan.db import transaction
from heyan.oversight import alerts, findings, fitness, reports, training
from heyan.oversight.fitness import NotFit
from heyan.oversight.forms import (
    KINDS,
    CloseForm,
    FindingForm,
    PeriodForm,
    RuleForm,
    TrainingForm,
)
from heyan.oversight.models import TrainingKind
from heyan.oversight.rules import BY_KEY
from heyan.oversight.wording import LACKING, why_off

staff_pages = Blueprint("staff_oversight", __name__, url_prefix="/staff/oversight")
log = structlog.get_logger()
Page = str | WerkzeugResponse | tuple[str, int]
# In seconds.
EVERY = 60.0
_looked = {"at": -EVERY}
_turn = threading.Lock()


def _due() -> bool:
    with _turn:
        now = time.monotonic()
        if now - _looked["at"] < EVERY:
            return False
        _looked["at"] = now
        return True


@staff_pages.before_app_request
def _watch_the_worker() -> None:
    """Count what the worker opened, here and not at the worker, at most once a minute.

    With staff pages and with the monitoring's own question, which comes when nobody is at work.
    """
    asked = request.path == "/readyz" or request.path.startswith("/staff")
    if not asked or not _due():
        return
    try:
        with web.heyan().counters() as session:
            alerts.watch_openings(session, Actor("operator"))
    except SQLAlchemyError as error:
        # The page matters more; the next minute asks again.
        log.warning("openings_not_counted", kind=type(error).__name__)


@staff_pages.app_errorhandler(NotFit)
def not_fit(error: NotFit) -> Any:
    """Answer whoever lacks training or has not accepted a rule: refused, on record, and why."""
    session = web.session()
    session.rollback()
    with transaction(session):
        record(
            session, web.actor(), "access.denied", "route", request.endpoint, outcome="denied",
            why="not_fit", lacking=sorted(error.lacking),
        )  # fmt: skip
    return current_app.handle_http_exception(Forbidden(description=why_off(error.lacking)))


# --- alerts ------------------------------------------------------------------------------------


@staff_pages.get("/alerts")
@requires(Permission.ALERTS_WORK)
def alert_list() -> Page:
    """Show alerts that wait, or all."""
    view = "all" if request.args.get("state") == "all" else "open"
    rows = alerts.listed(web.session(), view=view, after=paging.after_id(), limit=alerts.PAGE + 1)
    shown, next_url = paging.page_of(rows, alerts.PAGE, lambda row: row.id)
    web.shows("alerts.listed", "staff_alert", view=view, ids=[row.id for row in shown])
    return render_template(
        "oversight/alerts.html", rows=shown, next_url=next_url, state=view, rules=BY_KEY,
        overdue=alerts.overdue,
    )  # fmt: skip


@staff_pages.route("/alerts/<uuid:alert_id>", methods=["GET", "POST"])
@requires(Permission.ALERTS_WORK)
def alert(alert_id: uuid.UUID) -> Page:
    """Show what an alert is about; close it with a reason, unless it is about oneself."""
    form = CloseForm()
    try:
        row, acts = alerts.get(web.session(), alert_id)
        if request.method == "POST" and form.validate():
            alerts.close(
                web.session(), web.actor(), alert_id, reason=form.reason.data or "",
                browser=client().devices,
            )  # fmt: skip
            web.flash("success", _("已关闭这条告警"))
            return redirect(url_for("staff_oversight.alert_list"), 303)
    except alerts.AlertUnknown:
        abort(404)
    except alerts.AlertClosed:
        abort(409, description=_("这条告警已经有人关闭了。"))
    except alerts.OwnAlert:
        abort(403, description=_("这条告警与您本人有关，请由另一位同事在自己的电脑上处理。"))
    web.shows("alerts.shown", "staff_alert", alert_id, ids=[row.account_id or "worker"])
    page = render_template(
        "oversight/alert.html", row=row, acts=acts, form=form, rule=BY_KEY[row.rule],
        mine=row.account_id == web.account_id(),
    )  # fmt: skip
    return page, 422 if request.method == "POST" else 200


# --- reports -----------------------------------------------------------------------------------


def _period() -> PeriodForm:
    form = PeriodForm(request.args)
    if "since" not in request.args and "until" not in request.args:
        form.until.data = clock.local(clock.now()).date()
        form.since.data = form.until.data - timedelta(days=29)
    return form


@staff_pages.get("/report")
@requires(Permission.REPORTS_SEE)
def report() -> Page:
    """Show the audit report of a period: figures, who read what, what is overdue."""
    form = _period()
    asked = "since" in request.args or "until" in request.args
    if asked and not form.validate():
        return render_template("oversight/report.html", form=form, report=None), 422
    made = reports.make(web.session(), web.actor(), *form.period, form="page")
    return render_template("oversight/report.html", form=form, report=made)


@staff_pages.get("/report.<any(csv, pdf):kind>")
@requires(Permission.REPORTS_SEE, step_up=True)
def report_file(kind: str) -> Page:
    """Hand out the report of a period as a file; it holds ids, no names."""
    form = PeriodForm(request.args)
    if not form.validate():
        return redirect(url_for("staff_oversight.report"), 303)
    made = reports.make(web.session(), web.actor(), *form.period, form=kind)
    days = f"{form.since.data:%Y%m%d}-{form.until.data:%Y%m%d}"
    return Response(
        reports.as_csv(made) if kind == "csv" else reports.as_pdf(made),
        mimetype="text/csv" if kind == "csv" else "application/pdf",
        headers={"Content-Disposition": f'attachment; filename="audit-{days}.{kind}"'},
    )


# --- findings ----------------------------------------------------------------------------------


@staff_pages.get("/findings")
@requires(Permission.REPORTS_SEE)
def finding_list() -> Page:
    """Show what audits found, and how each stands."""
    rows = findings.listed(web.session(), after=paging.after_id(), limit=51)
    shown, next_url = paging.page_of(rows, 50, lambda row: row.id)
    web.shows("findings.listed", "finding", ids=[row.id for row in shown])
    return render_template(
        "oversight/findings.html", rows=shown, next_url=next_url,
        owners=findings.owners(web.session(), shown),
    )  # fmt: skip


@staff_pages.route("/findings/new", methods=["GET", "POST"])
@requires(Permission.FINDINGS_MANAGE)
def finding_new() -> Page:
    """Enter a finding."""
    form = FindingForm()
    form.offer(form.owner, training.colleagues(web.session()))
    if request.method == "POST" and form.validate():
        try:
            findings.add(
                web.session(), web.actor(), title=form.title.data or "",
                description=form.description.data or "", owner_id=form.owner_id,
                due_at=form.due_at,
            )  # fmt: skip
        except findings.FindingRefused:
            form.due.errors = [_("最后一天不能早于今天")]
        else:
            web.flash("success", _("已登记，并通知了负责整改的人"))
            return redirect(url_for("staff_oversight.finding_list"), 303)
    page = render_template("oversight/finding_new.html", form=form)
    return page, 422 if request.method == "POST" else 200


@staff_pages.route("/findings/<uuid:finding_id>", methods=["GET", "POST"])
@requires(Permission.REPORTS_SEE)
def finding(finding_id: uuid.UUID) -> Page:
    """Show a finding; who manages findings closes it, its owner does not."""
    form = CloseForm()
    may = person().may(Permission.FINDINGS_MANAGE)
    try:
        row = findings.get(web.session(), finding_id)
        if request.method == "POST":
            if not may:
                abort(403)
            if form.validate():
                findings.close(
                    web.session(), web.actor(), finding_id,
                    result=form.reason.data or "", browser=client().devices,
                )  # fmt: skip
                web.flash("success", _("已办结"))
                return redirect(url_for("staff_oversight.finding_list"), 303)
    except findings.FindingUnknown:
        abort(404)
    except findings.FindingRefused:
        abort(409, description=_("已经办结，或者整改由您本人负责：请由另一位同事复核。"))
    web.shows("findings.shown", "finding", finding_id, ids=[row.owner_id])
    page = render_template(
        "oversight/finding.html", row=row, form=form,
        may=may and row.owner_id != web.account_id(),
        owner=findings.owners(web.session(), [row]).get(row.owner_id, ""),
    )  # fmt: skip
    return page, 422 if request.method == "POST" else 200


# --- training and rules --------------------------------------------------------------------------


@staff_pages.get("/training")
@requires(Permission.STAFF_HOME)
def own_training() -> Page:
    """Show one's own course, exam and the rules that wait to be accepted."""
    session, me = web.session(), web.account_id()
    until = fitness.valid_until(session, (me,))
    return render_template(
        "oversight/training.html",
        until={kind: day for (_me, kind), day in until.items()},
        kinds=[(kind, KINDS[kind.value]) for kind in TrainingKind],
        lacking=[LACKING[one] for one in sorted(fitness.lacking(session, me))],
        rules=fitness.unaccepted(session, me),
    )


@staff_pages.post("/rules/<uuid:rule_id>/accept")
@requires(Permission.STAFF_HOME)
def accept(rule_id: uuid.UUID) -> Page:
    """Accept one version of a rule."""
    try:
        training.acknowledge(web.session(), web.actor(), rule_id)
    except training.RuleUnknown:
        abort(404)
    web.flash("success", _("已记录您的确认"))
    return redirect(url_for("staff_oversight.own_training"), 303)


@staff_pages.route("/training/people", methods=["GET", "POST"])
@requires(Permission.TRAINING_MANAGE, step_up=True)
def people() -> Page:
    """Show what every colleague has and lacks; write down a course or an exam."""
    form = TrainingForm()
    session = web.session()
    form.offer(form.account, training.colleagues(session))
    if request.method == "POST" and form.validate():
        try:
            training.add(
                session, web.actor(), uuid.UUID(form.account.data), TrainingKind(form.kind.data),
                passed_at=form.passed_at, valid_until=form.valid_until, browser=client().devices,
            )  # fmt: skip
        except training.TrainingRefused:
            form.account.errors = [
                _("不能登记自己的；完成日期不能晚于今天，有效期从完成之日起最长一年")
            ]
        else:
            web.flash("success", _("已登记"))
            return redirect(url_for("staff_oversight.people"), 303)
    rows = training.standings(session)
    web.shows("training.listed", "account", ids=[row.account_id for row in rows])
    page = render_template(
        "oversight/people.html", form=form, lacking=LACKING, rows=rows,
    )  # fmt: skip
    return page, 422 if request.method == "POST" else 200


@staff_pages.route("/rules/new", methods=["GET", "POST"])
@requires(Permission.TRAINING_MANAGE, step_up=True)
def rule_new() -> Page:
    """Publish the next version of a rule of the house."""
    form = RuleForm()
    if request.method == "POST" and form.validate() and form.due.data is not None:
        training.publish(
            web.session(), web.actor(), title=form.title.data or "", words=form.words.data or "",
            due_at=clock.midnight(form.due.data + timedelta(days=1)),
        )  # fmt: skip
        web.flash("success", _("已发布，并通知了全体员工"))
        return redirect(url_for("staff_oversight.people"), 303)
    page = render_template("oversight/rule_new.html", form=form)
    return page, 422 if request.method == "POST" else 200
