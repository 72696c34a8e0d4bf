"""The organizer's own people: who may sign in for it, run by its owners."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from flask import Blueprint, abort, make_response, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from heyan import web
from heyan.access import Permission, Realm, Role, requires
from heyan.accounts import listing, loss, people
from heyan.accounts.errors import LoginTaken, NotFound, NotThisOne, ResetRefused, RolesRefused
from heyan.accounts.forms import InviteMemberForm, LostFactorForm
from heyan.accounts.listing import Person
from heyan.accounts.models import IdentityProof
from heyan.accounts.pages import ROLE_NAMES, invitation_life
from heyan.accounts.people import InvitationCode

organizer_pages = Blueprint("organizations", __name__)
MEMBERS = Permission.ORGANIZER_MEMBERS
Page = str | Response | tuple[Any, int]


def _organization_id() -> uuid.UUID:
    person = web.login_session()
    if person is None or person.organization_id is None:
        abort(403)
    return person.organization_id


@organizer_pages.get("/organizer/members")
@requires(MEMBERS)
def members() -> str:
    """List who may sign in for this organizer."""
    found = listing.people(web.session(), Realm.ORGANIZER, _organization_id())
    web.shows("organizations.listed", "account", ids=[one.id for one in found])
    return render_template("organizations/members.html", people=found, roles=ROLE_NAMES)


@organizer_pages.route("/organizer/members/invite", methods=["GET", "POST"])
@requires(MEMBERS, step_up=True)
def invite() -> Page:
    """Invite a colleague; the code is shown once."""
    form = InviteMemberForm()
    if form.validate_on_submit():
        try:
            issued = people.invite(
                web.session(),
                web.actor(),
                realm=Realm.ORGANIZER,
                login=str(form.login.data),
                name=str(form.name.data),
                roles=(Role(form.role.data),),
                organization_id=_organization_id(),
                lifetime=invitation_life(),
            )
        except LoginTaken:
            form.login.errors = [_("这个登录名已经有人使用，请换一个")]
        except RolesRefused:
            abort(422)
        else:
            return _code_page(issued, str(form.name.data), str(form.login.data))
    page = render_template("organizations/invite.html", form=form)
    return make_response(page, 422 if form.errors else 200)


def _code_page(issued: InvitationCode, name: str, login: str) -> str:
    return render_template("organizations/code.html", issued=issued, name=name, login=login)


def _person(account_id: uuid.UUID) -> Person:
    everyone = listing.people(web.session(), Realm.ORGANIZER, _organization_id())
    found = next((one for one in everyone if one.id == account_id), None)
    if found is None:
        abort(404)
    return found


@organizer_pages.get("/organizer/members/<uuid:account_id>")
@requires(MEMBERS, step_up=True)
def member(account_id: uuid.UUID) -> str:
    """Show one member and what can be done."""
    shown = _person(account_id)
    web.shows("organizations.shown", "account", account_id)
    return render_template(
        "organizations/member.html",
        person=shown,
        roles=ROLE_NAMES,
        myself=account_id == web.account_id(),
        lost=LostFactorForm(),
        lost_open=loss.open_for(web.session(), account_id),
        hours=web.settings().factor_reset_hours,
    )


@organizer_pages.post("/organizer/members/<uuid:account_id>/reissue")
@requires(MEMBERS, step_up=True)
def reissue(account_id: uuid.UUID) -> str:
    """Give a fresh code to someone whose invitation ran out or whose password is lost."""
    person = _person(account_id)
    try:
        issued = people.reissue(
            web.session(),
            web.actor(),
            realm=Realm.ORGANIZER,
            account_id=account_id,
            organization_id=_organization_id(),
            lifetime=invitation_life(),
        )
    except NotFound:
        abort(404)
    return _code_page(issued, person.name, person.login)


def _do(verb: Callable[..., Any], account_id: uuid.UUID, done: str) -> Response:
    _person(account_id)
    try:
        verb(
            web.session(),
            web.actor(),
            realm=Realm.ORGANIZER,
            account_id=account_id,
            organization_id=_organization_id(),
        )
    except NotFound:
        abort(404)
    except NotThisOne:
        web.flash("error", _("不能停用自己，也不能停用最后一位负责人。"))
    else:
        web.flash("success", done)
    return redirect(url_for("organizations.members"), 303)


@organizer_pages.post("/organizer/members/<uuid:account_id>/disable")
@requires(MEMBERS, step_up=True)
def disable(account_id: uuid.UUID) -> Response:
    """Shut a member out at once."""
    return _do(people.disable, account_id, _("已停用，登录着的设备全部退出。"))


@organizer_pages.post("/organizer/members/<uuid:account_id>/enable")
@requires(MEMBERS, step_up=True)
def enable(account_id: uuid.UUID) -> Response:
    """Let a member sign in again."""
    return _do(people.enable, account_id, _("已恢复，可以重新登录。"))


@organizer_pages.post("/organizer/members/<uuid:account_id>/end-sessions")
@requires(MEMBERS, step_up=True)
def end_sessions(account_id: uuid.UUID) -> Response:
    """End all sessions of a member."""
    return _do(people.end_sessions, account_id, _("这位成员登录着的设备已全部退出。"))


@organizer_pages.post("/organizer/members/<uuid:account_id>/lost-factor")
@requires(MEMBERS, step_up=True)
def lost_factor(account_id: uuid.UUID) -> Response:
    """Ask that a member's lost second factor be taken off; the company confirms (C-34)."""
    _person(account_id)
    form = LostFactorForm()
    if not form.validate():
        web.flash("error", _("请选择怎样确认是本人。"))
        return redirect(url_for("organizations.member", account_id=account_id), 303)
    try:
        loss.ask(
            web.session(),
            web.actor(),
            realm=Realm.ORGANIZER,
            account_id=account_id,
            organization_id=_organization_id(),
            proof=IdentityProof(form.proof.data),
        )
    except NotFound:
        abort(404)
    except ResetRefused:
        web.flash("error", _("不能提出：这是您自己的账号，或没有设置第二样证明，或已经提出过。"))
    else:
        web.flash("success", _("已提出。我们核实并等待期过后，这位成员下次登录时重新设置。"))
    return redirect(url_for("organizations.members"), 303)
