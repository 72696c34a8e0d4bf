"""Staff pages of organizers: propose, approve by a second person, change, invite the owner."""

from __future__ import annotations

import uuid

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from heyan import paging, web
from heyan.access import Permission, Realm, Role, requires
from heyan.accounts import service as accounts
from heyan.accounts.errors import LoginTaken, NotFound
from heyan.accounts.forms import InvitePersonForm
from heyan.accounts.pages import client, invitation_life
from heyan.organizations import service
from heyan.organizations.forms import OrganizationForm

staff_pages = Blueprint("staff_organizations", __name__, url_prefix="/staff/organizations")
Page = str | Response | tuple[str, int]
STATES = ("waiting", "active", "paused")


def _get(organization_id: uuid.UUID) -> service.Listed:
    try:
        return service.get(web.session(), organization_id)
    except service.OrganizationUnknown:
        abort(404)


@staff_pages.get("")
@requires(Permission.ORGANIZATIONS_SEE)
def index() -> Page:
    """List organizers, the newest first."""
    state = request.args.get("state", "")
    name = request.args.get("q", "").strip()[:80]
    rows = service.listed(
        web.session(),
        state=state if state in STATES else "",
        name=name,
        after=paging.after_id(),
        limit=service.PAGE + 1,
    )
    shown, next_url = paging.page_of(rows, service.PAGE, lambda row: row.organization.id)
    return render_template(
        "staff/organizations/index.html", rows=shown, next_url=next_url, state=state, q=name
    )


@staff_pages.get("/<uuid:organization_id>")
@requires(Permission.ORGANIZATIONS_SEE)
def show(organization_id: uuid.UUID) -> Page:
    """Show one organizer, who acts for it, and what it waits for."""
    found = _get(organization_id)
    here = web.login_session()
    mine = found.onboarding is not None and here is not None
    people = accounts.people(web.session(), Realm.ORGANIZER, organization_id)
    web.shows(
        "organizations.shown", "organization", organization_id, ids=[one.id for one in people]
    )
    return render_template(
        "staff/organizations/show.html",
        found=found,
        organization=found.organization,
        people=people,
        own_proposal=mine and found.onboarding.proposed_by == here.account_id,  # type: ignore[union-attr]
    )


@staff_pages.route("/new", methods=["GET", "POST"])
@requires(Permission.ORGANIZATIONS_MANAGE)
def new() -> Page:
    """Propose an organizer."""
    form = OrganizationForm()
    if request.method == "POST" and form.validate():
        try:
            row = service.propose(
                web.session(),
                web.actor(),
                name=form.name.data or "",
                contact=form.contact.data or "",
                processing_role=form.processing_role.data,
            )
        except service.NameTaken:
            form.name.errors = [_("已有同名的主办单位，请核对")]
        else:
            web.flash("success", _("已提交，另一位同事批准之后生效"))
            return redirect(url_for("staff_organizations.show", organization_id=row.id), 303)
    return _form_page(form, None)


@staff_pages.route("/<uuid:organization_id>/edit", methods=["GET", "POST"])
@requires(Permission.ORGANIZATIONS_MANAGE, step_up=True)
def edit(organization_id: uuid.UUID) -> Page:
    """Change name, contact or role: everyone concerned is asked for consent again (L-03)."""
    found = _get(organization_id)
    form = OrganizationForm(obj=found.organization if request.method == "GET" else None)
    if request.method == "POST" and form.validate():
        try:
            service.change(
                web.session(),
                web.actor(),
                organization_id,
                name=form.name.data or "",
                contact=form.contact.data or "",
                processing_role=form.processing_role.data,
            )
        except service.NameTaken:
            form.name.errors = [_("已有同名的主办单位，请核对")]
        else:
            web.flash("success", _("资料已保存"))
            return redirect(
                url_for("staff_organizations.show", organization_id=organization_id), 303
            )
    return _form_page(form, found)


def _form_page(form: OrganizationForm, found: service.Listed | None) -> Page:
    page = render_template(
        "staff/organizations/edit.html",
        form=form,
        organization=found.organization if found else None,
    )
    return page, 422 if request.method == "POST" else 200


@staff_pages.route("/<uuid:organization_id>/approve", methods=["GET", "POST"])
@requires(Permission.ORGANIZATIONS_APPROVE, step_up=True)
def approve(organization_id: uuid.UUID) -> Page:
    """Let an organizer in, as somebody else than who proposed it."""
    found = _get(organization_id)
    if request.method == "GET":
        return render_template("staff/organizations/approve.html", found=found)
    try:
        service.approve(web.session(), web.actor(), organization_id, browser=client().devices)
    except service.SamePerson:
        abort(403, description=_("提出和批准必须是两个人：请由另一位同事在自己的电脑上批准。"))
    except service.NotWaiting:
        abort(409)
    web.flash("success", _("主办单位已生效，现在可以邀请它的负责人"))
    return redirect(url_for("staff_organizations.show", organization_id=organization_id), 303)


@staff_pages.route("/<uuid:organization_id>/pause", methods=["GET", "POST"])
@requires(Permission.ORGANIZATIONS_MANAGE, step_up=True)
def pause(organization_id: uuid.UUID) -> Page:
    """Pause working with an organizer, or take it up again."""
    found = _get(organization_id)
    if request.method == "GET":
        return render_template("staff/organizations/pause.html", found=found)
    resume = request.form.get("action") == "resume"
    try:
        service.set_active(web.session(), web.actor(), organization_id, resume)
    except service.NotWaiting:
        abort(409)
    web.flash("success", _("已恢复合作") if resume else _("已暂停合作"))
    return redirect(url_for("staff_organizations.show", organization_id=organization_id), 303)


@staff_pages.route("/<uuid:organization_id>/owners/new", methods=["GET", "POST"])
@requires(Permission.ORGANIZATIONS_MANAGE, step_up=True)
def invite_owner(organization_id: uuid.UUID) -> Page:
    """Invite someone who may manage the organizer's keys and members; the code shows once."""
    found, form = _get(organization_id), InvitePersonForm()
    if not found.organization.active:
        abort(409, description=_("主办单位还没有生效，先请另一位同事批准。"))
    if request.method == "POST" and form.validate():
        try:
            issued = accounts.invite(
                web.session(),
                web.actor(),
                realm=Realm.ORGANIZER,
                login=form.login.data or "",
                name=form.name.data or "",
                roles=[Role.ORGANIZER_OWNER],
                organization_id=organization_id,
                lifetime=invitation_life(),
            )
        except LoginTaken:
            form.login.errors = [_("这个登录名已被使用，请换一个")]
        else:
            return render_template(
                "staff/people/code.html",
                issued=issued,
                name=form.name.data,
                back=url_for("staff_organizations.show", organization_id=organization_id),
            )
    page = render_template(
        "staff/organizations/invite.html", form=form, organization=found.organization
    )
    return page, 422 if request.method == "POST" else 200


@staff_pages.route(
    "/<uuid:organization_id>/owners/<uuid:account_id>/reissue", methods=["GET", "POST"]
)
@requires(Permission.ORGANIZATIONS_MANAGE, step_up=True)
def reissue_owner(organization_id: uuid.UUID, account_id: uuid.UUID) -> Page:
    """Give a fresh code to an organizer's member after a call to a known number."""
    found = _get(organization_id)
    if not accounts.is_member(web.session(), Realm.ORGANIZER, account_id, organization_id):
        abort(404)
    if request.method == "GET":
        return render_template("staff/organizations/reissue.html", found=found)
    try:
        issued = accounts.reissue(
            web.session(),
            web.actor(),
            realm=Realm.ORGANIZER,
            account_id=account_id,
            organization_id=organization_id,
            lifetime=invitation_life(),
        )
    except NotFound:
        abort(404)
    return render_template(
        "staff/people/code.html",
        issued=issued,
        name=found.organization.name,
        back=url_for("staff_organizations.show", organization_id=organization_id),
    )
