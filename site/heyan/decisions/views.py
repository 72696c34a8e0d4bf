"""Results of a batch: the desk's drafts, result files with a preview, and publication."""

from __future__ import annotations

import uuid
from typing import Any

from flask import (
    Blueprint,
    abort,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_babel import gettext as _
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response

from heyan import bodies, csrf, web
from heyan.access import Permission, requires
from heyan.bodies import allow_body
from heyan.csrf import late_csrf
from heyan.decisions import service, sheets
from heyan.decisions.forms import PublishForm, ResultsConfirmForm, ResultsForm
from heyan.decisions.models import Decision, DecisionDraft
from heyan.decisions.reasons import REASONS
from heyan.decisions.results import (
    MAX_BYTES,
    FileRefused,
    ResultRow,
    RowProblem,
    read_file,
    read_rows,
)
from heyan.decisions.service import NotAcknowledged, NothingToPublish, Published
from heyan.decisions.wording import outcome_in_words, problem_in_words, refusal_in_words
from heyan.releases.downloads import file_name
from heyan.releases.models import Release
from heyan.releases.pages import own_release

organizer_pages = Blueprint("decisions", __name__)
DECIDE = Permission.ORGANIZER_DECIDE
Page = str | Response | tuple[Any, int]
# What one answer of the desk may hold, and how many rows a preview shows.
MOST_AT_ONCE = 2000
SHOWN = 200
PLAIN = "/organizer/releases/<uuid:release_id>"


def _plain(row: Decision | DecisionDraft) -> dict[str, str]:
    return {
        "document_id": str(row.document_id),
        "sha256": row.ciphertext_sha256.hex(),
        "outcome": row.outcome.value,
        "reason_code": row.reason_code.value if row.reason_code else "",
        "reason_text": row.reason_text,
    }


@organizer_pages.get(f"{PLAIN}/decisions")
@requires(DECIDE)
def state(release_id: uuid.UUID) -> Response:
    """Tell the desk what is saved and what is published, with a fresh form token."""
    release = own_release(release_id)
    session = web.session()
    web.shows("decisions.shown", "release", release_id)
    return jsonify(
        csrf_token=csrf.new_token(),
        acknowledged=release.acknowledged_at is not None,
        drafts=[_plain(row) for row in service.drafts(session, release)],
        published=[_plain(row) for row in service.published(session, release)],
    )


@organizer_pages.post(f"{PLAIN}/decisions")
@requires(DECIDE)
def save(release_id: uuid.UUID) -> Page:
    """Keep the desk's decisions as drafts, and forget those that were undone."""
    release = own_release(release_id)
    given = request.get_json(silent=True)
    if not isinstance(given, dict):
        return jsonify(error="json"), 400
    raw, undone = given.get("rows", []), given.get("dropped", [])
    if not (isinstance(raw, list) and isinstance(undone, list)):
        return jsonify(error="json"), 400
    if len(raw) + len(undone) > MOST_AT_ONCE or not all(isinstance(row, dict) for row in raw):
        return jsonify(error="rows"), 400
    try:
        dropped = [uuid.UUID(str(one)) for one in undone]
    except ValueError:
        return jsonify(error="dropped"), 400
    rows, problems = read_rows(raw)
    checked = service.save_drafts(
        web.session(), web.actor(), release, rows, source="desk", dropped=dropped
    )
    return jsonify(
        saved=[str(row.document_id) for row in checked.taken],
        problems=[
            {"document_id": one.document_id, "code": one.code, "words": problem_in_words(one.code)}
            for one in (*problems, *checked.problems)
        ],
    )


@organizer_pages.post(f"{PLAIN}/publish")
@requires(DECIDE)
def publish(release_id: uuid.UUID) -> Page:
    """Publish the drafts; students see them from this moment."""
    release, form = own_release(release_id), PublishForm()
    asked_by_desk = request.accept_mimetypes.best == "application/json"
    if not form.validate():
        if asked_by_desk:
            return jsonify(error="confirm"), 422
        return _results_page(release, publish=form)
    try:
        done = service.publish(web.session(), web.actor(), release)
    except (NotAcknowledged, NothingToPublish) as refused:
        if asked_by_desk:
            return jsonify(error=type(refused).__name__), 409
        web.flash("error", _refused_in_words(refused))
        return redirect(url_for("decisions.results", release_id=release_id), 303)
    if asked_by_desk:
        return jsonify(accepted=done.accepted, returned=done.returned, stale=done.stale)
    web.flash("success", _published_in_words(done))
    return redirect(url_for("releases.show", release_id=release_id), 303)


def _refused_in_words(refused: Exception) -> str:
    if isinstance(refused, NotAcknowledged):
        return str(_("请先确认收到这一批（填写清单的 SHA-256，或在核验台打开一次），再公布结果。"))
    return str(_("还没有可以公布的结果。"))


def _published_in_words(done: Published) -> str:
    words: str = _(
        "已公布：通过 %(accepted)s 份，退回 %(returned)s 份。",
        accepted=done.accepted,
        returned=done.returned,
    )
    if done.stale:
        words += _("另有 %(count)s 份在公布前被替换或撤回，没有公布。", count=done.stale)
    return words


@organizer_pages.get(f"{PLAIN}/results")
@requires(DECIDE)
def results(release_id: uuid.UUID) -> Page:
    """Show the way by result file, and what has been drafted and published so far."""
    return _results_page(own_release(release_id))


def _results_page(
    release: Release, *, form: ResultsForm | None = None, publish: PublishForm | None = None
) -> Page:
    form, publish = form or ResultsForm(formdata=None), publish or PublishForm(formdata=None)
    page = render_template(
        "decisions/results.html",
        release=release,
        form=form,
        publish=publish,
        progress=service.progress(web.session(), release),
        acknowledged=release.acknowledged_at is not None,
        reasons=REASONS,
    )
    return make_response(page, 422 if form.errors or publish.errors else 200)


@organizer_pages.get(f"{PLAIN}/results/template.<any(csv, xlsx):kind>")
@requires(DECIDE)
def template(release_id: uuid.UUID, kind: str) -> Response:
    """Hand out the result template, filled in with numbers, ids and digests."""
    release = own_release(release_id)
    web.shows("decisions.listed", "release", release_id)
    lines = sheets.lines_of(web.session(), release)
    if kind == "csv":
        data, mime = sheets.as_csv(lines), "text/csv; charset=utf-8"
    else:
        data = sheets.as_xlsx(lines, _notes())
        mime = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    name = file_name(release).removesuffix(".zip.age")
    return Response(
        data,
        content_type=mime,
        headers={"Content-Disposition": f'attachment; filename="{name}-results.{kind}"'},
    )


def _notes() -> list[list[str]]:
    return [
        ["outcome", _("accepted：通过；returned：退回")],
        ["reason_code", _("退回时必填，取下列之一")],
        *([code.value, str(one.sentence)] for code, one in REASONS.items()),
        ["reason_text", _("补充说明，会原样给学员看，最多 300 字；other 时必填")],
    ]


@organizer_pages.post(f"{PLAIN}/results")
@requires(DECIDE)
@late_csrf
def upload(release_id: uuid.UUID) -> Page:
    """Read a result file and show, row by row, what would become of it; nothing is kept yet."""
    release = own_release(release_id)
    allow_body(max_bytes=MAX_BYTES + 65536, max_parts=6, max_field_bytes=65536)
    with bodies.FILES.one():
        csrf.check_request()
    form = ResultsForm()
    if not form.validate():
        return _results_page(release, form=form)
    given: FileStorage = form.file.data
    try:
        rows, problems = read_file(given.read())
    except FileRefused as refused:
        form.file.errors = [refusal_in_words(refused.code)]
        return _results_page(release, form=form)
    return _preview(release, rows, problems)


def _preview(release: Release, rows: list[ResultRow], problems: list[RowProblem]) -> str:
    checked = service.check_rows(web.session(), release, rows, overwrite=False)
    unanswered = sum(one.code == "unanswered" for one in problems)
    wrong = [one for one in problems if one.code != "unanswered"]
    everything = sorted([*wrong, *checked.problems], key=lambda one: one.line)
    conflicts = {one.line for one in checked.problems if one.code == "conflict"}
    kept = [row for row in rows if row.line in conflicts or row in checked.taken]
    numbers = {line.document_id: line for line in sheets.lines_of(web.session(), release)}
    form = ResultsConfirmForm(formdata=None, rows=sheets.pack(kept))
    return render_template(
        "decisions/preview.html",
        release=release,
        form=form,
        taken=checked.taken[:SHOWN],
        taken_count=len(checked.taken),
        accepted=sum(row.outcome.value == "accepted" for row in checked.taken),
        conflicts=len(conflicts),
        unanswered=unanswered,
        problems=[(one, problem_in_words(one.code)) for one in everything[:SHOWN]],
        problem_count=len(everything),
        numbers=numbers,
        outcome=outcome_in_words,
        reasons=REASONS,
        shown=SHOWN,
        acknowledged=release.acknowledged_at is not None,
    )


@organizer_pages.post(f"{PLAIN}/results/confirm")
@requires(DECIDE)
@late_csrf
def confirm(release_id: uuid.UUID) -> Page:
    """Keep the previewed rows as drafts, and publish them if that was asked for."""
    release = own_release(release_id)
    allow_body(max_bytes=3 * MAX_BYTES, max_parts=10, max_field_bytes=3 * MAX_BYTES)
    with bodies.FILES.one():
        csrf.check_request()
    form = ResultsConfirmForm()
    if not form.validate():
        abort(400)
    try:
        rows, _problems = sheets.unpack(form.rows.data or "")
    except sheets.RowsRefused:
        abort(400)
    checked = service.save_drafts(
        web.session(),
        web.actor(),
        release,
        rows,
        source="file",
        overwrite=bool(form.overwrite.data),
    )
    words = _("已保存 %(count)s 行。", count=len(checked.taken))
    if checked.problems:
        words += _("%(count)s 行没有保存。", count=len(checked.problems))
    if form.publish.data:
        try:
            words += _published_in_words(service.publish(web.session(), web.actor(), release))
        except (NotAcknowledged, NothingToPublish) as refused:
            words += _refused_in_words(refused)
    web.flash("success" if checked.taken else "warning", words)
    return redirect(url_for("decisions.results", release_id=release_id), 303)
