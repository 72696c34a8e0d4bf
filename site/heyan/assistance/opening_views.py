"""Staff pages that open accounts: one, or many from a file whose source is on record."""

from __future__ import annotations

import uuid
from typing import Any

from flask import abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from heyan import bodies, csrf, web
from heyan.access import requires
from heyan.accounts.errors import InvitationInvalid, LoginTaken
from heyan.assistance import doors, opening, rows
from heyan.assistance.forms import ImportConfirmForm, ImportForm, OpenForm, SourceForm
from heyan.assistance.staff_views import ASSIST, ONE, Page, staff_pages
from heyan.bodies import allow_body
from heyan.csrf import late_csrf
from heyan.decisions.results import FileRefused
from heyan.organizations import service as organizations
from heyan.scanning import Infected, ScannerAway, scan

PROBLEMS = {
    "phone": _l("手机号不对，请核对位数和开头"),
    "name": _l("姓名没有填写，或者太长"),
    "twice": _l("和前面的一行是同一个手机号"),
    "taken": _l("这个手机号已经有账号，不会再开"),
}
REFUSALS = {
    "too_large": _l("文件太大，最大 1 MB"),
    "too_many_rows": _l("行数太多，一次最多 500 行"),
    "not_a_table": _l("读不出表格。请另存为普通的 CSV 或 XLSX（不带宏）再试"),
    "missing_columns": _l("第一行里没有“手机号”和“姓名”两列"),
}


@staff_pages.route("/new", methods=["GET", "POST"])
@requires(ASSIST, step_up=True)
def open_new() -> Page:
    """Open an account for somebody who asked for it."""
    form = OpenForm()
    if request.method == "GET":
        form.lead.data = request.args.get("lead", "")[:36]
        return render_template("staff/assistance/open.html", form=form)
    if form.validate():
        who: dict[str, Any] = {
            "phone": form.phone.e164,
            "name": form.name.data or "",
            "lead_id": _uuid(form.lead.data),
        }
        try:
            if form.text.data:
                made_id = opening.open_by_text(web.session(), web.settings(), web.actor(), **who)
                web.flash("success", _("账号已开立，激活码已用短信发给本人，14 天内有效"))
                return redirect(url_for("staff_assistance.show", account_id=made_id), 303)
            made = opening.open_one(web.session(), web.actor(), **who)[1]
        except LoginTaken:
            form.phone.errors = [_("这个号码已经有账号；忘记密码请用“查找账号”")]
        except doors.CannotSend:
            form.text.errors = [
                _("短信现在发不出去，没有开立账号。请取消勾选，把激活码当面交给本人")
            ]
        else:
            return render_template("staff/assistance/sheet.html", lines=[made], problems=[])
    return render_template("staff/assistance/open.html", form=form), 422


def _uuid(text: str | None) -> uuid.UUID | None:
    try:
        return uuid.UUID(text or "")
    except ValueError:
        return None


@staff_pages.post(f"{ONE}/code")
@requires(ASSIST, step_up=True)
def renew_code(account_id: uuid.UUID) -> Page:
    """Give a fresh hand-out code for an account nobody has activated yet."""
    try:
        made = opening.renew_code(web.session(), web.actor(), account_id)
    except InvitationInvalid:
        abort(409, description=_("这个账号已经激活，请用“重置密码”。"))
    return render_template("staff/assistance/sheet.html", lines=[made], problems=[])


@staff_pages.route("/sources/new", methods=["GET", "POST"])
@requires(ASSIST)
def new_source() -> Page:
    """Write down where a list of people comes from."""
    form = SourceForm()
    form.organization.choices = [
        ("", _("不是主办单位")),
        *((str(one), name) for one, name in organizations.active_choices(web.session())),
    ]
    if request.method == "POST" and form.validate():
        if form.organization.data or form.party.data:
            opening.record_source(
                web.session(),
                web.actor(),
                party=form.party.data or "",
                organization_id=_uuid(form.organization.data),
                commitment=form.commitment.data or "",
                scope=form.scope.data or "",
            )
            web.flash("success", _("来源已登记，现在可以导入名单"))
            return redirect(url_for("staff_assistance.import_page"), 303)
        form.party.errors = [_("请选择主办单位，或填写来源的全称")]
    page = render_template("staff/assistance/source.html", form=form)
    return page, 422 if request.method == "POST" else 200


def _import_form() -> ImportForm:
    form = ImportForm()
    form.source.validate_choice = False
    form.source.choices = [
        ("", _("请选择")),
        *((str(one.id), one.party) for one in opening.sources(web.session())),
    ]
    return form


@staff_pages.get("/import")
@requires(ASSIST, step_up=True)
def import_page() -> Page:
    """Ask for a list of people and its source."""
    return render_template("staff/assistance/import.html", form=_import_form())


def _no_source() -> str:
    return str(
        _(
            "请选择名单的来源：没有登记来源和取得同意的书面承诺，或者来源单位没有生效的协议，不能导入。"
            "登记之后再选一次文件"
        )
    )


def _import_again(form: ImportForm, status: int) -> Page:
    """The form with its errors and what was chosen; a browser never sends a file's name back."""
    return render_template("staff/assistance/import.html", form=form), status


@staff_pages.post("/import")
@requires(ASSIST, step_up=True)
@late_csrf
def import_file() -> Page:
    """Read a list and show row by row what would become of it; nothing is made yet."""
    allow_body(max_bytes=rows.MAX_BYTES + 65536, max_parts=6, max_field_bytes=65536)
    with bodies.FILES.one():
        csrf.check_request()
    form = _import_form()
    source_id = _uuid(form.source.data)
    fits = form.validate()
    try:
        source = opening.require_source(web.session(), source_id)
    except opening.NoSource:
        form.source.errors = [_no_source()]
        return _import_again(form, 409)
    if not fits:
        return _import_again(form, 422)
    data = form.file.data.read(rows.MAX_BYTES + 1)
    try:
        scan(web.settings().scan_command, data)
        people, problems = rows.read(data)
    except FileRefused as refused:
        form.file.errors = [REFUSALS[refused.code]]
        return _import_again(form, 422)
    except Infected:
        form.file.errors = [_("扫描程序认为这个文件有问题，没有收下")]
        return _import_again(form, 422)
    except ScannerAway:
        form.file.errors = [_("文件扫描程序现在没有回应，没有收下文件，请稍后重新选择文件再试")]
        return _import_again(form, 503)
    problems += opening.taken(web.session(), people)
    refused_lines = {one.line for one in problems}
    kept = [one for one in people if one.line not in refused_lines]
    return render_template(
        "staff/assistance/preview.html",
        people=kept,
        problems=sorted(problems, key=lambda one: one.line),
        words=PROBLEMS,
        source=source,
        form=ImportConfirmForm(formdata=None, rows=rows.pack(kept), source=str(source.id)),
    )


@staff_pages.post("/import/confirm")
@requires(ASSIST, step_up=True)
@late_csrf
def import_confirm() -> Page:
    """Open the previewed accounts and show the sheet of codes once."""
    allow_body(max_bytes=rows.MAX_BYTES, max_parts=6, max_field_bytes=rows.MAX_BYTES)
    csrf.check_request()
    form = ImportConfirmForm()
    try:
        people = rows.unpack(form.rows.data or "")
        made, problems = opening.open_many(
            web.session(), web.actor(), people, _uuid(form.source.data)
        )
    except opening.NoSource:
        again = _import_form()
        again.source.errors = [_no_source()]
        return _import_again(again, 409)
    except rows.RowsRefused:
        abort(400)
    except LoginTaken:
        again = _import_form()
        again.file.errors = [
            _("名单里有号码刚刚开了账号，这次没有开立任何账号。请再选一次文件，那一行会被跳过")
        ]
        return _import_again(again, 409)
    return render_template(
        "staff/assistance/sheet.html", lines=made, problems=problems, words=PROBLEMS
    )
