"""Staff pages about accounts: lost second factors by two people, the quarterly access review."""

from __future__ import annotations

import uuid

from flask import abort, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from heyan import paging, web
from heyan.access import Permission, Realm, requires
from heyan.accounts import loss, reviews, service
from heyan.accounts.errors import NotFound, ResetRefused
from heyan.accounts.forms import LostFactorForm
from heyan.accounts.models import IdentityProof
from heyan.accounts.pages import ROLE_NAMES, client, person, staff_pages

Page = str | Response | tuple[str, int]
SIZE = 50


# --- lost factors ----------------------------------------------------------------------------


@staff_pages.get("/lost-factors")
@requires(Permission.FACTORS_RESET, step_up=True)
def lost_factors() -> Page:
    """List the requests that are open: to be confirmed by a second person, or waiting to be due."""
    rows = loss.listed(web.session(), after=paging.after_id(), limit=SIZE + 1)
    shown, next_url = paging.page_of(rows, SIZE, lambda line: line.row.id)
    web.shows("accounts.listed", "account", ids=[line.row.account_id for line in shown])
    return render_template(
        "accounts/lost/index.html", lines=shown, next_url=next_url, me=person().account_id
    )


@staff_pages.route("/people/<uuid:account_id>/lost-factor", methods=["GET", "POST"])
@requires(Permission.STAFF_MANAGE, step_up=True)
def lost_factor(account_id: uuid.UUID) -> Page:
    """Ask that a colleague's lost second factor be taken off."""
    return _ask(account_id, Realm.STAFF, url_for("staff.people"))


@staff_pages.route("/organizers/<uuid:account_id>/lost-factor", methods=["GET", "POST"])
@requires(Permission.FACTORS_RESET, step_up=True)
def organizers_lost_factor(account_id: uuid.UUID) -> Page:
    """Ask the same for an organizer's owner whom no other owner can help."""
    return _ask(account_id, Realm.ORGANIZER, url_for("staff_accounts.lost_factors"))


def _ask(account_id: uuid.UUID, realm: Realm, back: str) -> Page:
    account = loss.of_realm(web.session(), realm, account_id)
    if account is None:
        abort(404)
    form = LostFactorForm()
    status = 200
    if form.is_submitted():
        status = 422
        if form.validate():
            try:
                loss.ask(
                    web.session(),
                    web.actor(),
                    realm=realm,
                    account_id=account_id,
                    organization_id=account.organization_id,
                    proof=IdentityProof(form.proof.data),
                )
            except NotFound:
                abort(404)
            except ResetRefused:
                form.proof.errors = [
                    _("不能提出：这是您自己的账号，或没有设置第二样证明，或已经有人提出")
                ]
            else:
                web.flash("success", _("已提出，请另一位管理员或个人信息保护负责人核实"))
                return redirect(back, 303)
    hours = web.settings().factor_reset_hours
    web.shows("accounts.shown", "account", account_id)
    page = render_template(
        "accounts/lost/ask.html", form=form, someone=account, back=back, hours=hours
    )
    return page, status


@staff_pages.post("/lost-factors/<uuid:reset_id>/confirm")
@requires(Permission.FACTORS_RESET, step_up=True)
def confirm_lost_factor(reset_id: uuid.UUID) -> Page:
    """Confirm another's request; the delay begins."""
    try:
        loss.confirm(web.session(), web.settings(), web.actor(), reset_id, browser=client().devices)
    except NotFound:
        abort(404)
    except ResetRefused:
        abort(
            409,
            description=_(
                "不能核实：请求已经结束或被核实，或者提出的人、本人和您不是三个不同的人。"
            ),
        )
    web.flash("success", _("已核实。等待期过后，本人下次输入密码时重新设置第二样证明"))
    return redirect(url_for("staff_accounts.lost_factors"), 303)


@staff_pages.post("/lost-factors/<uuid:reset_id>/stop")
@requires(Permission.FACTORS_RESET, step_up=True)
def stop_lost_factor(reset_id: uuid.UUID) -> Page:
    """Call a request off."""
    try:
        loss.stop(web.session(), web.actor(), reset_id)
    except ResetRefused:
        abort(404)
    web.flash("success", _("请求已取消，账号没有变化"))
    return redirect(url_for("staff_accounts.lost_factors"), 303)


# --- the quarterly look ----------------------------------------------------------------------


@staff_pages.get("/access-review")
@requires(Permission.ACCESS_REVIEW)
def review() -> Page:
    """Show who may sign in as staff, with what, and when last; note that it was looked through."""
    session = web.session()
    people = service.people(session, Realm.STAFF, after=paging.after_id(), limit=SIZE + 1)
    shown, next_url = paging.page_of(people, SIZE, lambda row: row.id)
    web.shows("accounts.listed", "account", ids=[row.id for row in shown])
    return render_template(
        "accounts/review.html",
        people=shown,
        next_url=next_url,
        roles=ROLE_NAMES,
        due=reviews.due_at(session, web.settings()),
        past=reviews.latest(session),
        days=web.settings().access_review_days,
    )


@staff_pages.post("/access-review/done")
@requires(Permission.ACCESS_REVIEW)
def reviewed() -> Page:
    """Note that the list was looked through."""
    reviews.note_reviewed(web.session(), web.actor())
    web.flash("success", _("已记录这次权限复核"))
    return redirect(url_for("staff_accounts.review"), 303)
