"""Staff pages of agreements: the register, one agreement, activation by a second person."""

from __future__ import annotations

import uuid
from datetime import timedelta

from flask import Blueprint, abort, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from heyan import bodies, clock, csrf, paging, web
from heyan.access import Permission, requires
from heyan.accounts.pages import client
from heyan.agreements import service
from heyan.agreements.forms import (
    CLAUSE_WORDS,
    KIND_WORDS,
    ROLE_WORDS,
    AgreementForm,
    BreachForm,
    SuspendForm,
)
from heyan.agreements.models import Agreement, AgreementStatus
from heyan.bodies import allow_body
from heyan.csrf import late_csrf
from heyan.organizations import service as organizations
from heyan.scanning import Infected, ScannerAway, scan

staff_pages = Blueprint("staff_agreements", __name__, url_prefix="/staff/agreements")
Page = str | Response | tuple[str, int]
ONE = "/<uuid:agreement_id>"


def _get(agreement_id: uuid.UUID) -> Agreement:
    try:
        return service.get(web.session(), agreement_id)[0]
    except service.AgreementUnknown:
        abort(404)


@staff_pages.get("")
@requires(Permission.AGREEMENTS_SEE)
def index() -> Page:
    """Show who is bound until when, and which organizers are not."""
    state = request.args.get("state", "")
    rows = service.listed(
        web.session(), state=state, after=paging.after_id(), limit=service.PAGE + 1
    )
    shown, next_url = paging.page_of(rows, service.PAGE, lambda row: row.id)
    return render_template(
        "staff/agreements/index.html",
        rows=[(row, _state_of(row)) for row in shown],
        next_url=next_url,
        state=state,
        kinds=KIND_WORDS,
        unbound=service.unbound_organizers(web.session()),
    )


def _state_of(row: Agreement) -> tuple[str, str]:
    """Return the state in words, and its tone."""
    moment = clock.now()
    if row.status is AgreementStatus.PROPOSED:
        return _("等待第二人生效"), "attention"
    if row.status is AgreementStatus.SUSPENDED:
        return _("已暂停"), "attention"
    if row.status is AgreementStatus.ENDED or row.valid_until <= moment:
        if row.approved_at is not None and row.deletion_confirmed_at is None:
            return _("已结束，等对方确认删除"), "attention"
        return _("已结束"), "quiet"
    if row.valid_from > moment:
        return _("还没有到开始日期"), "quiet"
    if row.valid_until <= moment + service.EXPIRES_SOON:
        return _("有效，快到期了"), "attention"
    return _("有效"), "done"


@staff_pages.get(ONE)
@requires(Permission.AGREEMENTS_SEE)
def show(agreement_id: uuid.UUID) -> Page:
    """Show one agreement: its clauses, its document, its breaches, what it waits for."""
    return _detail(agreement_id, BreachForm(formdata=None), SuspendForm(formdata=None))


def _detail(agreement_id: uuid.UUID, breach: BreachForm, suspend: SuspendForm) -> Page:
    row = _get(agreement_id)
    here = web.login_session()
    page = render_template(
        "staff/agreements/show.html",
        row=row,
        document=service.get(web.session(), agreement_id)[1],
        state=_state_of(row),
        status=AgreementStatus,
        last_day=row.valid_until - timedelta(days=1),
        over=row.status is AgreementStatus.ENDED or row.valid_until <= clock.now(),
        kinds=KIND_WORDS,
        roles=ROLE_WORDS,
        clauses=CLAUSE_WORDS,
        missing=service.missing(row.clauses),
        breaches=service.breaches(web.session(), agreement_id),
        breach=breach,
        suspend=suspend,
        own=here is not None and here.account_id == row.proposed_by,
    )
    return page, 422 if breach.errors or suspend.errors else 200


@staff_pages.get("/new")
@requires(Permission.AGREEMENTS_MANAGE)
def new() -> Page:
    """Ask for what a signed agreement says."""
    return _form_page(_form())


def _form() -> AgreementForm:
    form = AgreementForm()
    form.organization.choices = [
        ("", _("请选择")),
        *((str(one), name) for one, name in organizations.active_choices(web.session())),
    ]
    return form


def _form_page(form: AgreementForm) -> Page:
    page = render_template("staff/agreements/edit.html", form=form)
    return page, 422 if request.method == "POST" else 200


@staff_pages.post("/new")
@requires(Permission.AGREEMENTS_MANAGE)
@late_csrf
def propose() -> Page:
    """Write an agreement down; it binds once a second person activates it."""
    limit = service.MAX_PDF_BYTES
    allow_body(max_bytes=limit + 65536, max_parts=24, max_field_bytes=65536)
    with bodies.FILES.one():
        csrf.check_request()
    form = _form()
    if not form.validate():
        return _form_page(form)
    pdf = form.file.data.read(limit + 1)
    provider = form.kind.data != service.ORGANIZER
    terms = service.Terms(
        kind=form.kind.data,
        party=form.party.data or "",
        role=form.role.data,
        clauses=form.clauses.data or [],
        valid_from=clock.midnight(form.valid_from.data),
        valid_until=clock.midnight(form.valid_until.data + timedelta(days=1)),
        organization_id=None if provider else uuid.UUID(form.organization.data),
    )
    try:
        service.check_pdf(pdf)
        scan(web.settings().scan_command, pdf)
        row = service.propose(web.session(), web.actor(), terms, pdf)
    except service.PdfRefused:
        form.file.errors = [
            _(
                "这个文件不是 5 MB 以内的普通 PDF（可能带有脚本、附件或密码，"
                "或者查不清里面有什么），请重新扫描成 PDF 再选"
            )
        ]
        return _form_page(form)
    except Infected:
        form.file.errors = [_("扫描程序认为这个文件有问题，没有收下")]
        return _form_page(form)
    except ScannerAway:
        form.file.errors = [_("文件扫描程序现在没有回应，没有收下文件，请稍后重新选择文件再试")]
        return render_template("staff/agreements/edit.html", form=form), 503
    web.flash("success", _("已登记，另一位同事核对之后生效"))
    return redirect(url_for("staff_agreements.show", agreement_id=row.id), 303)


@staff_pages.route(f"{ONE}/activate", methods=["GET", "POST"])
@requires(Permission.AGREEMENTS_APPROVE, step_up=True)
def activate(agreement_id: uuid.UUID) -> Page:
    """Let an agreement count, or count again, as somebody else than who acted before."""
    row = _get(agreement_id)
    if request.method == "GET":
        return render_template(
            "staff/agreements/activate.html", row=row, missing=service.missing(row.clauses)
        )
    verb = service.resume if row.status is AgreementStatus.SUSPENDED else service.activate
    try:
        verb(web.session(), web.actor(), agreement_id, browser=client().devices)
    except service.SamePerson:
        abort(403, description=_("登记和生效必须是两个人：请由另一位同事在自己的电脑上核对。"))
    except service.Incomplete:
        abort(409, description=_("协议缺少必需的约定，不能生效。请与对方补签之后重新登记。"))
    except service.NotNow:
        abort(409)
    web.flash("success", _("协议已生效；因为没有协议停下的批次，几分钟内会自己打包"))
    return redirect(url_for("staff_agreements.show", agreement_id=agreement_id), 303)


@staff_pages.post(f"{ONE}/suspend")
@requires(Permission.AGREEMENTS_MANAGE, step_up=True)
def suspend(agreement_id: uuid.UUID) -> Page:
    """Stop an agreement from counting, at once."""
    _get(agreement_id)
    form = SuspendForm()
    if not form.validate():
        return _detail(agreement_id, BreachForm(formdata=None), form)
    try:
        service.suspend(web.session(), web.actor(), agreement_id, form.reason.data or "")
    except service.NotNow:
        abort(409)
    web.flash("success", _("协议已暂停，从现在起不再向对方交出任何信息"))
    return redirect(url_for("staff_agreements.show", agreement_id=agreement_id), 303)


@staff_pages.post(f"{ONE}/end")
@requires(Permission.AGREEMENTS_MANAGE, step_up=True)
def end(agreement_id: uuid.UUID) -> Page:
    """End an agreement, or note that the party confirmed the deletion after its end."""
    row = _get(agreement_id)
    confirmed = request.form.get("action") == "deletion"
    verb = service.confirm_deletion if confirmed else service.end
    try:
        verb(web.session(), web.actor(), row.id)
    except service.NotNow:
        abort(409)
    web.flash("success", _("已登记对方的删除确认") if confirmed else _("协议已结束"))
    return redirect(url_for("staff_agreements.show", agreement_id=agreement_id), 303)


@staff_pages.post(f"{ONE}/breaches")
@requires(Permission.AGREEMENTS_MANAGE)
def breach(agreement_id: uuid.UUID) -> Page:
    """Write a breach down."""
    _get(agreement_id)
    form = BreachForm()
    if not form.validate():
        return _detail(agreement_id, form, SuspendForm(formdata=None))
    service.add_breach(
        web.session(),
        web.actor(),
        agreement_id,
        happened_at=clock.midnight(form.happened_on.data),
        what=form.what.data or "",
        measures=form.measures.data or "",
    )
    web.flash("success", _("违约情况已登记"))
    return redirect(url_for("staff_agreements.show", agreement_id=agreement_id), 303)


@staff_pages.get(f"{ONE}/document")
@requires(Permission.AGREEMENTS_SEE, step_up=True)
def document(agreement_id: uuid.UUID) -> Response:
    """Send the signed agreement as a file, never to be shown inline (C-14)."""
    try:
        pdf = service.document(web.session(), web.actor(), agreement_id)
    except service.AgreementUnknown:
        abort(404)
    answer = make_response(pdf)
    answer.headers["Content-Type"] = "application/pdf"
    answer.headers["Content-Disposition"] = f'attachment; filename="agreement-{agreement_id}.pdf"'
    return answer
