"""The policy in force, every version and what changed, the agreement, the cookies."""

from __future__ import annotations

import gzip
from typing import Any

from flask import Blueprint, Response, abort, render_template, request

from heyan import clock, cookies, web
from heyan.access import public
from heyan.consent.purposes import ANALYTICS, PURPOSES
from heyan.events.wording import english
from heyan.policies import comparison, service, term_views
from heyan.policies.cli import policies_cli
from heyan.policies.models import PolicyKind, PolicyVersion
from heyan.policies.sections import plain_lines
from heyan.policies.service import NoPolicyInForce, VersionUnknown
from heyan.policies.staff_views import staff_pages
from heyan.policies.wording import changes_of
from heyan.usage import choice

__all__ = ["public_pages", "staff_pages"]

public_pages = Blueprint("policies", __name__, cli_group=None)
public_pages.cli.add_command(policies_cli)
term_views.add_to(public_pages)


@public_pages.after_request
def _compress(response: Response) -> Response:
    """Send long texts compressed: on a slow phone they are most of the page's weight.

    Safe here: nothing secret stands on these pages but the form token, fresh in every answer.
    """
    if request.accept_encodings["gzip"] > 0 and not response.is_streamed:
        response.set_data(gzip.compress(response.get_data(), 6, mtime=0))
        response.headers["Content-Encoding"] = "gzip"
    response.headers.add("Vary", "Accept-Encoding")
    return response


def _language() -> str:
    return "en" if english() else "zh"


def _kind(name: str) -> PolicyKind:
    found = next((kind for kind in PolicyKind if kind.value == name), None)
    if found is None:
        abort(404)
    return found


def _in_force(kind: PolicyKind) -> PolicyVersion | None:
    try:
        return service.version_in_force(web.reading(), kind)
    except NoPolicyInForce:
        return None


def _show(kind: PolicyKind, version: str | None = None) -> str | tuple[str, int]:
    try:
        found = service.full_version(web.reading(), kind, version)
    except VersionUnknown:
        abort(404)
    except NoPolicyInForce:
        return render_template("policies/none.html", kind=kind), 503
    in_force = _in_force(kind)
    return render_template(
        "policies/show.html",
        policy=found,
        kind=kind,
        PolicyKind=PolicyKind,
        sections=found.content.get(_language(), []),
        is_in_force=in_force is not None and in_force.id == found.id,
        is_coming=found.effective_at > clock.now(),
        changes_of=changes_of,
    )


@public_pages.get("/privacy")
@public
def privacy() -> str | tuple[str, int]:
    """Show the privacy policy in force."""
    return _show(PolicyKind.PRIVACY)


@public_pages.get("/privacy/agreement")
@public
def agreement() -> str | tuple[str, int]:
    """Show the user agreement in force."""
    return _show(PolicyKind.AGREEMENT)


@public_pages.get("/privacy/versions")
@public
def versions() -> str:
    """List every version that was published, and offer to compare two."""
    session = web.reading()
    return render_template(
        "policies/versions.html",
        groups=[(kind, service.versions(session, kind), _in_force(kind)) for kind in PolicyKind],
        PolicyKind=PolicyKind,
        changes_of=changes_of,
        moment=clock.now(),
    )


@public_pages.get("/privacy/versions/<kind>/<version>")
@public
def version(kind: str, version: str) -> str | tuple[str, int]:
    """Show one version, whatever its date."""
    return _show(_kind(kind), version)


@public_pages.get("/privacy/versions/<kind>/compare")
@public
def compare(kind: str) -> str:
    """Show what differs between two versions."""
    wanted = _kind(kind)
    try:
        pair = [
            service.full_version(web.reading(), wanted, request.args.get(name, ""))
            for name in ("before", "after")
        ]
    except VersionUnknown:
        abort(404)
    before, after = (plain_lines(each.content.get(_language(), [])) for each in pair)
    lines = comparison.compare(before, after)
    return render_template(
        "policies/compare.html",
        before=pair[0],
        after=pair[1],
        kind=wanted,
        PolicyKind=PolicyKind,
        lines=lines,
        changed=[line for line in lines if line.kind != "same"],
    )


@public_pages.get("/privacy/cookies", endpoint="cookies")
@public
def cookies_page() -> str:
    """List every cookie that the program can set."""
    secure = web.settings().secure_cookies
    rows: list[tuple[str, Any]] = [
        (cookies.cookie_name(cookie, secure=secure), cookie) for cookie in cookies.COOKIES
    ]
    return render_template(
        "policies/cookies.html",
        rows=rows,
        usage_text=PURPOSES[ANALYTICS].text,
        refused_by_browser=choice.refused_by_browser(),
        state=choice.state(),
        language_kept=choice.kept(cookies.LANGUAGE) is not None,
    )
