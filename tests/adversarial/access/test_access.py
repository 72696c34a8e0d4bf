"""Every route × every role, from the route table itself; none is left out (SECURITY 27, C-46)."""

from __future__ import annotations

import uuid

import pytest
from werkzeug.datastructures import Headers
from werkzeug.routing import Rule

from heyan.access import Realm
from tests.access import CLERKS, OWNED, OWNERS, ROLES, STAFF, Universe, address, needed, snapshot

UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
# Open to anyone, but by their own means: they answer with something else than a page.
MAY_BE_AWAY = {"shell.readyz"}
# What stands behind an open door is not there in this world: no file in the store, no receipt
# signed yet, no second policy to compare with.
EMPTY_SHELF = {
    "winddown.certificate",
    "releases.file",
    "releases.challenge",
    "documents.receipts",
    "documents.receipt",
    "policies.compare",
    "rights.copy_file",
    "viewings.file",
    "viewings.challenge",
}

# What nobody ever gets by asking: it says where to ask instead (S-093).
REFUSED = {"exports.bulk"}


def rules(universe: Universe) -> list[Rule]:
    """Every route but the static files."""
    return [rule for rule in universe.world.app.url_map.iter_rules() if rule.endpoint != "static"]


def methods(rule: Rule) -> list[str]:
    """What a browser may send to it."""
    return sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})


def realm_of(who: str) -> Realm | None:
    """Through which door somebody came."""
    if who == "nobody":
        return None
    if who in STAFF:
        return Realm.STAFF
    return Realm.PUBLIC if who.startswith("student") else Realm.ORGANIZER


def foreign(who: str, rule: Rule) -> bool:
    """Whether the sample address names something that is not this person's."""
    realm = realm_of(who)
    if rule.endpoint == "accounts.end_session":
        return who != "student_a"
    if rule.endpoint in CLERKS:
        return who != "service"
    if rule.endpoint in ("staff_approvals.show", "staff_approvals.end"):
        # The clerk's request: its approvers and the auditor see it, another asker does not.
        return who == "operations"
    if "passkey_id" in rule.arguments:
        # Everybody has passkeys of their own; this one is student A's.
        return who != "student_a"
    return who not in OWNERS and realm in OWNED and bool(rule.arguments & OWNED[realm])


def test_every_route_has_an_address_for_the_walk(universe: Universe) -> None:
    """C-46: a new route is walked too, or this says what it lacks."""
    missing = []
    for rule in rules(universe):
        try:
            address(universe, rule)
        except AssertionError as lacking:
            missing.append(str(lacking))
    assert not missing, "\n".join(missing)


def faulty_heads(headers: Headers, *, private: bool) -> list[str]:
    """What an answer's headers lack, whatever its route and status."""
    policy = headers.get("Content-Security-Policy", "")
    parts = {part.strip() for part in policy.split(";")}
    asked = {
        "no unsafe source": "unsafe" not in policy,
        "closed policy": {
            "default-src 'none'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "object-src 'none'",
            "form-action 'self'",
            "require-trusted-types-for 'script'",
        }
        <= parts,
        "nosniff": headers.get("X-Content-Type-Options") == "nosniff",
        "referrer": bool(headers.get("Referrer-Policy")),
        "permissions": bool(headers.get("Permissions-Policy")),
        "opener": headers.get("Cross-Origin-Opener-Policy") == "same-origin",
        "resource": headers.get("Cross-Origin-Resource-Policy") == "same-origin",
        "no banner": not headers.get("Server"),
        "no-store": not private or "no-store" in headers.get("Cache-Control", ""),
    }
    return [name for name, held in asked.items() if not held]


@pytest.mark.parametrize("who", sorted(ROLES))
def test_a_role_reads_what_is_its_own_and_nothing_else(universe: Universe, who: str) -> None:
    """SECURITY 27, C-46: GET on every route; nothing in the database moves (SECURITY 32).

    Every answer carries its headers, and none of an account may be kept (SECURITY 33 to 35, C-54,
    C-56, C-57).
    """
    before, wrong = snapshot(universe.world), []
    for rule in rules(universe):
        if "GET" not in methods(rule):
            continue
        permission = needed(universe, rule)
        answer = universe.send(who, "GET", address(universe, rule))
        status = answer.status_code
        if permission is None:
            right = status < 400 or (
                (status in (404, 503) and rule.endpoint in MAY_BE_AWAY | EMPTY_SHELF)
                or (status == 410 and "token" in rule.arguments)
            )
        elif who == "nobody":
            right = status == 302 and "/login" in answer.location
        elif not universe.may(who, permission) or rule.endpoint in REFUSED:
            right = status == 403
        elif foreign(who, rule):
            right = status == 404
        else:
            right = status not in (401, 403) and (
                (status < 500 and status != 404) or rule.endpoint in EMPTY_SHELF
            )
        if not right:
            wrong.append(f"{who} GET {rule.rule} ({rule.endpoint}): {status}")
        for fault in faulty_heads(answer.headers, private=permission is not None):
            wrong.append(f"{who} GET {rule.rule} ({rule.endpoint}): {fault}")
    assert not wrong, "\n".join(wrong)
    after = snapshot(universe.world)
    assert {table for table in before if before[table] != after[table]} == set()


@pytest.mark.parametrize("who", sorted(ROLES))
def test_a_role_changes_only_what_is_its_own_and_with_a_token(universe: Universe, who: str) -> None:
    """SECURITY 27, 28, 32, C-46, C-47, C-53: every state change, by everyone."""
    before, wrong = snapshot(universe.world), []
    token = universe.token(who)
    for rule in rules(universe):
        for method in sorted(UNSAFE & set(methods(rule))):
            permission = needed(universe, rule)
            path = address(universe, rule)
            bare = universe.send(who, method, path, nothing="1").status_code
            if permission is None:
                # The report of a browser about the page's own policy carries no token.
                right = bare == 403 or rule.endpoint == "shell.csp_report"
            elif who == "nobody":
                right = bare == 401
            else:
                right = bare in (403, 404, 409, 411, 413)
            if permission is not None and who != "nobody":
                allowed = universe.may(who, permission)
                if not allowed or foreign(who, rule):
                    full = universe.send(who, method, path, csrf_token=token, confirm="yes")
                    right = right and full.status_code == (404 if allowed else 403)
                    bare = full.status_code
            if not right:
                wrong.append(f"{who} {method} {rule.rule} ({rule.endpoint}): {bare}")
    assert not wrong, "\n".join(wrong)
    after = snapshot(universe.world)
    assert {table for table in before if before[table] != after[table]} == set()


@pytest.mark.parametrize("who", ["student_b", "owner_y"])
def test_a_foreign_id_is_not_found_and_written_down(universe: Universe, who: str) -> None:
    """SECURITY 28, C-47: the trail says who asked for what."""
    world, account = universe.world, universe.accounts[who]
    walked = [
        rule
        for rule in rules(universe)
        if foreign(who, rule)
        and "GET" in methods(rule)
        and (permission := needed(universe, rule)) is not None
        and universe.may(who, permission)
    ]
    assert walked
    for rule in walked:
        assert universe.send(who, "GET", address(universe, rule)).status_code == 404
        (entry,) = world.rows(
            "SELECT subject_id AS route, outcome, details FROM audit_entries"
            " WHERE actor_id = :a AND action = 'access.not_found' ORDER BY id DESC LIMIT 1",
            a=account,
        )
        assert (entry.route, entry.outcome) == (rule.endpoint, "denied")
        assert entry.details


@pytest.mark.parametrize(
    ("who", "path", "field", "whose"),
    [
        ("student_b", "/registrations/new?event={slug}", "student", "student"),
        ("owner_y", "/organizer/releases/build", "event_id", "event_id"),
    ],
)
def test_a_foreign_id_in_a_form_does_nothing(
    universe: Universe, who: str, path: str, field: str, whose: str
) -> None:
    """SECURITY 28, C-47: ids in forms as in addresses."""
    event = universe.ids["event"]
    value = {"student": universe.ids["student"], "event_id": event.id}[whose]
    before = snapshot(universe.world)
    answer = universe.send(
        who,
        "POST",
        path.format(slug=event.slug),
        **{"csrf_token": universe.token(who), "event": event.slug, field: str(value)},
    )
    assert answer.status_code == 404
    (entry,) = universe.world.rows(
        "SELECT action FROM audit_entries WHERE actor_id = :a ORDER BY id DESC LIMIT 1",
        a=universe.accounts[who],
    )
    assert entry.action == "access.not_found"
    assert snapshot(universe.world) == before


def test_an_unknown_id_is_not_found_by_staff_either(universe: Universe) -> None:
    """C-47: no id that is nobody's leads anywhere."""
    wrong = []
    for who in STAFF:
        for rule in rules(universe):
            permission = needed(universe, rule)
            ids = {name for name in rule.arguments if name.endswith("_id")}
            if not ids or permission is None or not universe.may(who, permission):
                continue
            if "GET" not in methods(rule) or rule.endpoint.startswith("accounts."):
                continue
            path = address(universe, rule, **{name: uuid.uuid4() for name in ids})
            if universe.send(who, "GET", path).status_code != 404:
                wrong.append(f"{who} {path}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("who", ["student_a", "owner_x", "operations"])
def test_asking_for_the_head_changes_nothing(universe: Universe, who: str) -> None:
    """SECURITY 32, C-53: HEAD carries no token, so it may not do what POST does."""
    before = snapshot(universe.world)
    for rule in rules(universe):
        if "GET" in methods(rule):
            answer = universe.send(who, "HEAD", address(universe, rule))
            assert answer.data == b"", rule.rule
    after = snapshot(universe.world)
    assert {table for table in before if before[table] != after[table]} == set()


def test_reading_sets_no_cookie(universe: Universe) -> None:
    """B1, F4: an open page sets none, but those that hold a form bound to the browser."""
    doors = {"accounts.login", "accounts.organizer_login", "accounts.staff_login"}
    doors |= {"accounts_public.register", "accounts.activate"}
    doors |= {"resets.ask", "resets.by_code", "resets.by_link", "channels.confirm_email"}
    doors |= {"assistance.activate", "assistance.reset", "assistance.compromised"}
    setting = {
        rule.endpoint
        for rule in rules(universe)
        if needed(universe, rule) is None
        and "GET" in methods(rule)
        and universe.world.app.test_client().get(address(universe, rule)).headers.get("Set-Cookie")
    }
    assert setting <= doors
