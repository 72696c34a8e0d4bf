"""The page that asks again after a material change, before anything else (K1, S-107)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from heyan import clock, web
from heyan.access import Permission, requires
from heyan.consent.service import TermsOpen
from heyan.policies import service, standing, terms
from heyan.policies.models import PolicyKind, PolicySaid, PolicyVersion
from heyan.policies.wording import changes_of, kinds_of, text_of

Page = str | Response | tuple[str, int]


def add_to(blueprint: Blueprint) -> None:
    """Put the pages on *blueprint*."""
    blueprint.add_url_rule("/account/terms", "terms", terms_page, methods=["GET", "POST"])
    blueprint.app_errorhandler(TermsOpen)(terms_open)


def terms_open(_error: TermsOpen) -> Any:
    """Lead who wants to begin something new under terms not agreed to, to those terms."""
    web.session().rollback()
    return redirect(url_for("policies.terms", next=_back()), HTTPStatus.SEE_OTHER)


def _back() -> str:
    """Return the page to come back to; what was posted is come back to by its page."""
    return request.path if request.method == "GET" else url_for("registrations.index")


def _before(version: PolicyVersion, rows: list[PolicyVersion]) -> PolicyVersion | None:
    """Return the version that came before *version*."""
    return next((row for row in rows if row.effective_at < version.effective_at), None)


@requires(Permission.OWN_ACCOUNT)
def terms_page() -> Page:
    """Show every change that is not agreed to, and ask."""
    session, mine = web.session(), web.account_id()
    rows = standing.open_for(session, mine)
    target = web.safe_next(request.args.get("next"), url_for("registrations.index"))
    if not rows:
        return redirect(target, HTTPStatus.SEE_OTHER)
    if request.method == "POST":
        return _answered(rows, target)
    all_versions = {kind: service.versions(session, kind) for kind in PolicyKind}
    return render_template(
        "policies/terms.html",
        rows=[(row, _before(row, all_versions[row.kind])) for row in rows],
        PolicyKind=PolicyKind,
        changes_of=changes_of,
        kinds_of=kinds_of,
        may_wait=all(row.effective_at > clock.now() for row in rows),
        declined=not standing.due(session, mine)
        and not all(row.effective_at > clock.now() for row in rows),
        next_url=target,
    )


def _answered(rows: list[PolicyVersion], target: str) -> Page:
    """Keep the answer to exactly the versions that the page showed."""
    try:
        said = PolicySaid(request.form.get("action", ""))
    except ValueError:
        abort(400)
    shown = set(request.form.getlist("policy"))
    chosen = [row for row in rows if str(row.id) in shown]
    if len(chosen) != len(rows):
        # Another version came in between: it is to be read first.
        return redirect(url_for("policies.terms", next=target), HTTPStatus.SEE_OTHER)
    try:
        terms.answer(
            web.session(),
            web.actor(),
            web.account_id(),
            [row.id for row in chosen],
            said,
            web.evidence(),
            text_of(chosen),
        )
    except (terms.NotAsked, terms.TooLateForLater):
        return redirect(url_for("policies.terms", next=target), HTTPStatus.SEE_OTHER)
    if said is PolicySaid.AGREED:
        web.flash("success", _("已记下您的同意，凭证可以在“我的信息”里下载"))
    elif said is PolicySaid.DECLINED:
        return redirect(url_for("policies.terms", next=target), HTTPStatus.SEE_OTHER)
    return redirect(target, HTTPStatus.SEE_OTHER)
