"""The organizer's keys: made in the browser, proven here, confirmed by people elsewhere."""

from __future__ import annotations

import base64
import uuid
from typing import Any

from flask import abort, make_response, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from heyan import web
from heyan.access import Permission, requires
from heyan.organizations.models import Organization
from heyan.releases import recipients
from heyan.releases.fingerprint import key_fingerprint, recipient_fingerprint
from heyan.releases.forms import ProofForm, RecipientForm, RevokeForm
from heyan.releases.models import Recipient, RecipientStatus
from heyan.releases.pages import desk_page, organization_id, organizer_pages, steps_of
from heyan.releases.recipients import (
    ForbiddenTransition,
    ProofWrong,
    RecipientInvalid,
    RecipientTaken,
    RecipientUnknown,
)
from heyan.releases.wording import KEY_STEPS, PURPOSES, RECIPIENT_STATES, problem_words

KEYS = Permission.ORGANIZER_KEYS
Page = str | Response | tuple[Any, int]


def _own(recipient_id: uuid.UUID) -> Recipient:
    try:
        return recipients.own(web.session(), organization_id(), recipient_id)
    except RecipientUnknown:
        abort(404)


@organizer_pages.get("/organizer/keys")
@requires(KEYS)
def keys() -> str:
    """Show the organization's keys, their states, and the root to pin."""
    found = recipients.of_organization(web.session(), organization_id())
    return render_template(
        "organizer/keys.html",
        keys=found,
        fingerprint=recipient_fingerprint,
        states=RECIPIENT_STATES,
        purposes=PURPOSES,
        has_primary=any(
            row.purpose == "primary" and row.status is RecipientStatus.PINNED for row in found
        ),
        has_recovery=any(row.purpose == "recovery" and row.ended_at is None for row in found),
        root_fingerprint=key_fingerprint(web.settings().root_public_key),
        root_key=base64.b64encode(web.settings().root_public_key).decode(),
    )


@organizer_pages.route("/organizer/keys/new", methods=["GET", "POST"])
@requires(KEYS, step_up=True)
def new_key() -> Page:
    """Make a key in the browser (or paste a public one) and propose it."""
    form = RecipientForm()
    if request.method != "POST" and request.args.get("purpose") == "recovery":
        form.purpose.data = "recovery"
    if form.validate_on_submit():
        try:
            row = recipients.propose(
                web.session(),
                web.actor(),
                organization_id(),
                str(form.recipient.data),
                str(form.purpose.data),
            )
        except RecipientInvalid:
            form.recipient.errors = [_("这不是 age 的公钥。请完整粘贴以 age1 开头的那一行")]
        except RecipientTaken:
            form.recipient.errors = [_("这枚公钥已经提交过。每枚密钥只用一次，请生成新的")]
        else:
            return redirect(url_for("releases.prove_key", recipient_id=row.id), 303)
    organization = web.session().get_one(Organization, organization_id())
    page = render_template(
        "organizer/key_new.html", form=form, words=problem_words(), organization=organization
    )
    return desk_page(page, 422 if form.errors else 200)


@organizer_pages.get("/organizer/keys/<uuid:recipient_id>")
@requires(KEYS)
def key(recipient_id: uuid.UUID) -> str:
    """Show one key: its fingerprint in large type, and how far it is."""
    row = _own(recipient_id)
    return render_template(
        "organizer/key.html",
        key=row,
        fingerprint=recipient_fingerprint(row.recipient),
        state=RECIPIENT_STATES[row.status],
        purpose=PURPOSES[row.purpose],
        steps=_steps(row),
        live=row.ended_at is None,
        form=RevokeForm(),
    )


def _steps(row: Recipient) -> list[tuple[Any, Any, bool]]:
    """Return the key's way as (words, time, is it the next one)."""
    times = {
        RecipientStatus.PROPOSED: row.proposed_at,
        RecipientStatus.PROVEN: row.proven_at,
        RecipientStatus.CONFIRMED: row.confirmed_at,
        RecipientStatus.APPROVED: row.approved_at,
        RecipientStatus.PINNED: row.pinned_at,
    }
    return steps_of(KEY_STEPS, times, over=row.ended_at is not None)


@organizer_pages.route("/organizer/keys/<uuid:recipient_id>/prove", methods=["GET", "POST"])
@requires(KEYS, step_up=True)
def prove_key(recipient_id: uuid.UUID) -> Page:
    """Take the opened challenge as proof that this key can be opened (L4)."""
    form = ProofForm()
    here = url_for("releases.key", recipient_id=recipient_id)
    try:
        if form.validate_on_submit():
            try:
                recipients.prove(
                    web.session(),
                    web.actor(),
                    organization_id(),
                    recipient_id,
                    form.proof.data or "",
                )
            except ProofWrong:
                form.proof.errors = [_("内容不对，或者已经过了一小时。请重新打开下面的验证文件")]
            else:
                web.flash("success", _("已证明您能打开。接下来请等我们来电核对指纹。"))
                return redirect(here, 303)
        row = recipients.challenge_of(web.session(), web.actor(), organization_id(), recipient_id)
    except RecipientUnknown:
        abort(404)
    except ForbiddenTransition:
        return redirect(here, 303)
    page = render_template(
        "organizer/key_prove.html",
        key=row,
        form=form,
        fingerprint=recipient_fingerprint(row.recipient),
        words=problem_words(),
    )
    return desk_page(page, 422 if form.errors else 200)


@organizer_pages.get("/organizer/keys/<uuid:recipient_id>/challenge")
@requires(KEYS)
def challenge(recipient_id: uuid.UUID) -> Response:
    """Hand out the sealed challenge as a file, for the command line."""
    try:
        row = recipients.challenge_of(web.session(), web.actor(), organization_id(), recipient_id)
    except (RecipientUnknown, ForbiddenTransition):
        abort(404)
    return Response(
        base64.b64decode(row.challenge or ""),
        content_type="application/octet-stream",
        headers={"Content-Disposition": 'attachment; filename="challenge.age"'},
    )


@organizer_pages.route("/organizer/keys/<uuid:recipient_id>/revoke", methods=["GET", "POST"])
@requires(KEYS, step_up=True)
def revoke_key(recipient_id: uuid.UUID) -> Page:
    """End a key, with its effect said first."""
    row, form = _own(recipient_id), RevokeForm()
    if form.validate_on_submit():
        try:
            recipients.revoke(
                web.session(),
                web.actor(),
                organization_id(),
                recipient_id,
                str(form.reason.data),
            )
        except ForbiddenTransition:
            abort(409)
        web.flash("success", _("密钥已停用。新的批次不会再用它制作。"))
        return redirect(url_for("releases.keys"), 303)
    page = render_template(
        "organizer/key_revoke.html",
        key=row,
        form=form,
        fingerprint=recipient_fingerprint(row.recipient),
    )
    return make_response(page, 422 if form.errors else 200)
