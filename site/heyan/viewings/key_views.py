"""A person's own key: made in the browser, proven here, compared face to face, pinned elsewhere."""

from __future__ import annotations

import base64
import uuid
from typing import Any

from flask import abort, make_response, redirect, render_template, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from heyan import paging, web
from heyan.access import Permission, requires
from heyan.accounts.pages import client
from heyan.releases.fingerprint import recipient_fingerprint
from heyan.releases.forms import ProofForm
from heyan.releases.pages import desk_page, steps_of
from heyan.viewings import keys
from heyan.viewings.forms import ConfirmKeyForm, OwnKeyForm, RevokeKeyForm
from heyan.viewings.keys import (
    ForbiddenTransition,
    KeyTaken,
    ProofWrong,
    RecipientInvalid,
    SamePerson,
    StaffKeyUnknown,
)
from heyan.viewings.models import StaffKey, StaffKeyStatus
from heyan.viewings.pages import own_id, staff_pages
from heyan.viewings.wording import KEY_STATES, KEY_STEPS, problem_words

OWN, CONFIRM = Permission.VIEWINGS_OWN, Permission.VIEWINGS_KEYS_CONFIRM
Page = str | Response | tuple[Any, int]


@staff_pages.route("/keys/new", methods=["GET", "POST"])
@requires(OWN, step_up=True)
def new_key() -> Page:
    """Make one's own key in the browser (or paste a public one) and propose it."""
    form = OwnKeyForm()
    if form.validate_on_submit():
        try:
            row = keys.propose(web.session(), web.actor(), str(form.recipient.data))
        except RecipientInvalid:
            form.recipient.errors = [_("这不是 age 的公钥。请完整粘贴以 age1 开头的那一行")]
        except KeyTaken:
            form.recipient.errors = [_("这枚公钥已经提交过。每枚密钥只用一次，请生成新的")]
        else:
            return redirect(url_for("viewings.prove_key", key_id=row.id), 303)
    page = render_template("viewings/key_new.html", form=form, words=problem_words())
    return desk_page(page, 422 if form.errors else 200)


def _own(key_id: uuid.UUID) -> StaffKey:
    try:
        return keys.own(web.session(), own_id(), key_id)
    except StaffKeyUnknown:
        abort(404)


@staff_pages.get("/keys/<uuid:key_id>")
@requires(OWN)
def key(key_id: uuid.UUID) -> Page:
    """Show one's own key: its fingerprint in large type, and how far it is."""
    row = _own(key_id)
    return render_template(
        "viewings/key.html",
        key=row,
        fingerprint=recipient_fingerprint(row.recipient),
        state=KEY_STATES[row.status],
        steps=_steps(row),
        live=row.ended_at is None,
    )


def _steps(row: StaffKey) -> list[tuple[Any, Any, bool]]:
    """Return the key's way as (words, time, is it the next one)."""
    times = {
        StaffKeyStatus.PROPOSED: row.proposed_at,
        StaffKeyStatus.PROVEN: row.proven_at,
        StaffKeyStatus.CONFIRMED: row.confirmed_at,
        StaffKeyStatus.PINNED: row.pinned_at,
    }
    return steps_of(KEY_STEPS, times, over=row.ended_at is not None)


@staff_pages.route("/keys/<uuid:key_id>/prove", methods=["GET", "POST"])
@requires(OWN, step_up=True)
def prove_key(key_id: uuid.UUID) -> Page:
    """Take the opened challenge as proof that this key can be opened."""
    form, here = ProofForm(), url_for("viewings.key", key_id=key_id)
    try:
        if form.validate_on_submit():
            try:
                proof = form.proof.data or ""
                keys.prove(web.session(), web.actor(), own_id(), key_id, proof)
            except ProofWrong:
                form.proof.errors = [_("内容不对，或者已经过了一小时。请重新打开下面的验证文件")]
            else:
                web.flash("success", _("已证明您能打开。接下来请一位同事当面核对指纹。"))
                return redirect(here, 303)
        row = keys.challenge_of(web.session(), web.actor(), own_id(), key_id)
    except StaffKeyUnknown:
        abort(404)
    except ForbiddenTransition:
        return redirect(here, 303)
    page = render_template(
        "viewings/key_prove.html",
        key=row,
        form=form,
        fingerprint=recipient_fingerprint(row.recipient),
        words=problem_words(),
    )
    return desk_page(page, 422 if form.errors else 200)


@staff_pages.get("/keys/<uuid:key_id>/challenge")
@requires(OWN)
def challenge(key_id: uuid.UUID) -> Response:
    """Hand out the sealed challenge as a file, for the command line."""
    try:
        row = keys.challenge_of(web.session(), web.actor(), own_id(), key_id)
    except (StaffKeyUnknown, ForbiddenTransition):
        abort(404)
    return Response(
        base64.b64decode(row.challenge or ""),
        content_type="application/octet-stream",
        headers={"Content-Disposition": 'attachment; filename="challenge.age"'},
    )


@staff_pages.route("/keys/<uuid:key_id>/revoke", methods=["GET", "POST"])
@requires(OWN, step_up=True)
def revoke_key(key_id: uuid.UUID) -> Page:
    """End one's own key, with its effect said first."""
    row, form = _own(key_id), RevokeKeyForm()
    if form.validate_on_submit():
        try:
            reason = str(form.reason.data)
            keys.revoke(web.session(), web.actor(), own_id(), key_id, reason)
        except ForbiddenTransition:
            abort(409)
        web.flash("success", _("密钥已停用。为它制作的查看件不再提供，几分钟内销毁。"))
        return redirect(url_for("viewings.index"), 303)
    page = render_template(
        "viewings/key_revoke.html",
        key=row,
        form=form,
        fingerprint=recipient_fingerprint(row.recipient),
    )
    return make_response(page, 422 if form.errors else 200)


# --- what a colleague does -------------------------------------------------------------------


@staff_pages.get("/confirmations")
@requires(CONFIRM)
def confirmations() -> Page:
    """List colleagues' keys that wait for a comparison or for the pin, the oldest first."""
    rows = keys.waiting(web.session(), paging.after_id())
    shown, next_url = paging.page_of(rows, keys.PAGE, lambda row: row[0].id)
    web.shows("staff_keys.listed", "account", ids=[row.account_id for row, _name in shown])
    return render_template(
        "viewings/confirmations.html",
        rows=shown,
        next_url=next_url,
        states=KEY_STATES,
        fingerprint=recipient_fingerprint,
    )


@staff_pages.route("/confirmations/<uuid:key_id>", methods=["GET", "POST"])
@requires(CONFIRM, step_up=True)
def confirm(key_id: uuid.UUID) -> Page:
    """Show a colleague's key; record that its fingerprint was compared face to face."""
    try:
        row, name = keys.any_one(web.session(), key_id)
    except StaffKeyUnknown:
        abort(404)
    form = ConfirmKeyForm()
    if form.validate_on_submit():
        try:
            keys.confirm(web.session(), web.actor(), key_id, browser=client().devices)
        except SamePerson:
            abort(403, description=_("自己的密钥要由另一位同事核对。"))
        except ForbiddenTransition:
            abort(409)
        web.flash("success", _("已记下指纹一致，还要在处理机上执行固定命令才会启用"))
        return redirect(url_for("viewings.confirm", key_id=key_id), 303)
    web.shows("staff_keys.shown", "account", row.account_id, key_id=key_id)
    page = render_template(
        "viewings/confirm.html",
        row=row,
        name=name,
        form=form,
        state=KEY_STATES[row.status],
        status=StaffKeyStatus,
        fingerprint=recipient_fingerprint(row.recipient),
    )
    return make_response(page, 422 if form.errors else 200)


@staff_pages.post("/confirmations/<uuid:key_id>/reject")
@requires(CONFIRM, step_up=True)
def reject(key_id: uuid.UUID) -> Response:
    """End a colleague's key whose fingerprint differs."""
    try:
        keys.reject(web.session(), web.actor(), key_id)
    except StaffKeyUnknown:
        abort(404)
    except ForbiddenTransition:
        abort(409)
    web.flash("success", _("已驳回"))
    return redirect(url_for("viewings.confirmations"), 303)
