"""Staff pages: the register of assessments, the record of processing, minors; children's rules."""

from __future__ import annotations

import csv
import io
import uuid

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from heyan import clock, paging, web
from heyan.access import Permission, public, requires
from heyan.accounts.pages import client
from heyan.assessments import drafting, minors, processing, service
from heyan.assessments.cli import assessments_cli
from heyan.assessments.forms import AssessmentForm, MinorsForm
from heyan.events import reading
from heyan.events.models import Event

staff_pages = Blueprint("staff_assessments", __name__, url_prefix="/staff/assessments")
public_pages = Blueprint("assessments", __name__, cli_group=None)
public_pages.cli.add_command(assessments_cli)
Page = str | AnyResponse | tuple[str, int]


@staff_pages.get("")
@requires(Permission.ASSESSMENTS_SEE)
def index() -> Page:
    """List assessments, the newest first."""
    rows = service.listed(web.session(), paging.after_id())
    shown, next_url = paging.page_of(rows, service.PAGE, lambda row: row.id)
    return render_template(
        "assessments/index.html", rows=shown, next_url=next_url, moment=clock.now()
    )


@staff_pages.route("/new", methods=["GET", "POST"])
@requires(Permission.ASSESSMENTS_WRITE)
def new() -> Page:
    """Write one, begun from what the event and the registry say."""
    event, form = _event(), AssessmentForm()
    if request.method == "GET" and event is not None:
        facts = drafting.drafted(event)
        for name in ("subject", "necessity", "risks", "measures", "conclusion"):
            form[name].data = getattr(facts, name)
    if request.method == "GET":
        form.review_on.data = clock.local(clock.now() + drafting.REVIEW).date()
    elif form.validate():
        row = service.write(web.session(), web.actor(), _facts(form, event))
        web.flash("success", _("评估已登记，另一人确认之后生效"))
        return redirect(url_for("staff_assessments.show", assessment_id=row.id), 303)
    page = render_template("assessments/new.html", form=form, event=event)
    return page, 422 if request.method == "POST" else 200


def _facts(form: AssessmentForm, event: Event | None) -> service.Facts:
    return service.Facts(
        event_id=event.id if event else None,
        covers=tuple(spec.kind.value for spec in event.document_kinds) if event else (),
        subject=form.subject.data or "",
        necessity=form.necessity.data or "",
        risks=form.risks.data or "",
        measures=form.measures.data or "",
        conclusion=form.conclusion.data or "",
        high_risk=form.residual.data == "high",
        review_at=clock.midnight(form.review_on.data),
    )


def _event() -> Event | None:
    wanted = request.args.get("event", "")
    if not wanted:
        return None
    try:
        return reading.load(web.session(), uuid.UUID(wanted))
    except (ValueError, reading.EventUnknown):
        abort(404)


@staff_pages.get("/<uuid:assessment_id>")
@requires(Permission.ASSESSMENTS_SEE)
def show(assessment_id: uuid.UUID) -> Page:
    """Show one assessment whole."""
    try:
        row = service.load(web.session(), assessment_id)
    except service.AssessmentUnknown:
        abort(404)
    return render_template(
        "assessments/show.html", row=row, mine=web.account_id(), moment=clock.now(),
        kept_until=service.kept_until(row),
    )  # fmt: skip


@staff_pages.post("/<uuid:assessment_id>/confirm")
@requires(Permission.ASSESSMENTS_CONFIRM, step_up=True)
def confirm(assessment_id: uuid.UUID) -> Page:
    """Confirm what another wrote."""
    try:
        service.confirm(web.session(), web.actor(), assessment_id, browser=client().devices)
    except service.AssessmentUnknown:
        abort(404)
    except service.NotTheOther:
        abort(403, description=_("评估要由写的人之外的另一个人确认。"))
    except service.AlreadyConfirmed:
        abort(409, description=_("这份评估已经确认过了。"))
    web.flash("success", _("评估已确认"))
    return redirect(url_for("staff_assessments.show", assessment_id=assessment_id), 303)


@staff_pages.post("/<uuid:assessment_id>/delete")
@requires(Permission.ASSESSMENTS_CONFIRM, step_up=True)
def delete(assessment_id: uuid.UUID) -> Page:
    """Delete one whose three years are over."""
    try:
        service.delete(web.session(), web.actor(), assessment_id)
    except service.AssessmentUnknown:
        abort(404)
    except service.StillKept as kept:
        day = f"{clock.local(kept.until):%Y-%m-%d}"
        abort(409, description=_("影响评估至少保存 3 年，%(day)s 之后才能删除。", day=day))
    web.flash("success", _("评估已删除"))
    return redirect(url_for("staff_assessments.index"), 303)


# --- the record of processing ----------------------------------------------------------------


@staff_pages.get("/processing")
@requires(Permission.ASSESSMENTS_SEE)
def record_of_processing() -> Page:
    """Show the record of processing activities, as the registry says it."""
    return render_template(
        "assessments/processing.html",
        rows=processing.rows(web.settings()),
        heads=processing.heads(),
        persons=processing.persons(web.session()),
    )


@staff_pages.get("/processing.csv")
@requires(Permission.ASSESSMENTS_SEE)
def processing_csv() -> Response:
    """Hand out the same as a table."""
    lines = [processing.heads(), *processing.rows(web.settings())]
    return _csv(lines, "processing.csv")


def _csv(lines: list[list[str]], name: str) -> Response:
    out = io.StringIO()
    out.write("\N{BOM}")
    csv.writer(out).writerows(lines)
    return Response(
        out.getvalue(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


# --- minors ----------------------------------------------------------------------------------


@staff_pages.route("/minors", methods=["GET", "POST"])
@requires(Permission.ASSESSMENTS_SEE)
def minors_audit() -> Page:
    """Show this year's audit of minors' data; finish it with what was found."""
    form, year = MinorsForm(), minors.year_due(clock.now())
    person = web.login_session()
    if request.method == "POST":
        if person is None or not person.may(Permission.ASSESSMENTS_CONFIRM):
            abort(403)
        if form.validate():
            minors.finish(web.session(), web.actor(), year, form.findings.data or "")
            web.flash("success", _("审计报告已完成"))
            return redirect(url_for("staff_assessments.minors_audit"), 303)
    done = minors.finished(web.session(), year)
    page = render_template(
        "assessments/minors.html",
        form=form,
        year=year,
        figures=minors.lines(done.figures if done else minors.figures(web.session(), year)),
        finished=done,
        due=minors.due_on(year),
    )
    return page, 422 if request.method == "POST" else 200


@staff_pages.get("/minors.csv")
@requires(Permission.ASSESSMENTS_SEE)
def minors_csv() -> Response:
    """Hand out the yearly audit of minors' data as a table."""
    year = minors.year_due(clock.now())
    done = minors.finished(web.session(), year)
    found = done.figures if done else minors.figures(web.session(), year)
    lines = [[_("项目"), _("数目")], *([words, str(count)] for words, count in minors.lines(found))]
    lines.append([_("审计发现和整改"), done.findings if done else _("还没有写")])
    return _csv(lines, f"minors-{year}.csv")


@public_pages.get("/privacy/children")
@public
def children() -> str:
    """Tell the separate rules for people under fourteen (PIPL 31, L-05)."""
    return render_template("assessments/children.html")
