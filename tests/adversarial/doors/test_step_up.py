"""The route table against what must be asked for: a second factor, and a fresh one (C-36, C-45).

Both walks are generated: a new route of these kinds fails until it asks, or stands here with why
it need not.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask, url_for
from sqlalchemy.orm import Session
from werkzeug.routing import Rule

from heyan.access import MFA_REALMS, Permission, Realm, Requirement, Role, requirement_of
from heyan.accounts.models import Account
from heyan.clock import now
from heyan.organizations.models import Organization
from heyan.settings import Settings
from tests.accounts import LONG, Browser, Someone, let_in, registered
from tests.conftest import Clock

P = Permission
UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
# Permissions whose acts are daily work on one's own or at level L2: no fresh factor for each act.
# Whatever is not here is an approval, an export, a key, a contact or somebody's access.
ORDINARY = {
    P.OWN_ACCOUNT,
    P.OWN_ENROLMENT,
    P.ORGANIZER_HOME,
    P.ORGANIZER_RELEASES,
    P.ORGANIZER_DECIDE,
    P.STAFF_HOME,
    P.LEADS_WORK,
    P.EVENTS_MANAGE,
    P.ACCESS_REVIEW,
    *(P[name] for name in P.__members__ if name.endswith(("_SEE", "_WORK"))),
}
# What an address is about that asks for a fresh factor whatever the permission is.
WORDS = re.compile(
    r"/(approve|confirm|carry-out|grants?|exports?|copy|publish|activate|reissue|invite|disable|enable"
    r"|end-sessions|owners|import|reset|freeze|recovery-codes|members|holds|orders|keys"
    r"|lost-factors?)(/|$)|/(authenticator|passkeys/<[^>]+>)/(replace|remove)$|/passkeys/new$|^/account/sms-factor(/off)?$"
    r"|/(people|accounts)/new$|^/me/data/(close|delete|phone(/code)?)$"
)
# Why one of these asks for nothing more.
EXCUSED = {
    "accounts.stop_lost_factor": "stops what was asked in one's name: must be easy",
    "decisions.publish": "a result is the organizer's daily work; keys opened the documents",
    "decisions.confirm": "a result is the organizer's daily work; keys opened the documents",
    "staff_approvals.new": "a request shows nothing until others approve it",
    "staff_rights.drop_refusal": "takes a refusal back, in the person's favour",
    "staff_agreements.breach": "writes down a breach; ends and changes nothing",
    "staff_agreements.propose": "a proposal does nothing until another person activates it",
    "staff_organizations.new": "a proposal does nothing until another person approves it",
    "staff_assistance.new_source": "a place where forms come from; opens and shows nothing",
    "staff_assistance.index": "a search; what it finds is masked",
    "staff_assistance.reveal": "level L2, under a live grant, written down with its reason",
    "staff_assessments.new": "counts only once another person confirms it",
    "staff_oversight.finding_new": "a finding is written down; it opens and changes nothing",
    "staff_policies.give_up": "ends a draft; publishes nothing",
    "organizer_rights.confirm": "says that a withdrawn document is destroyed; shows nothing",
}


def routes(site: Flask) -> Iterator[tuple[Rule, Requirement]]:
    """Every route that asks for a permission."""
    for rule in site.url_map.iter_rules():
        requirement = requirement_of(site.view_functions[rule.endpoint])
        if requirement is not None and requirement.permission is not None:
            yield rule, requirement


def test_every_weighty_act_asks_for_a_fresh_second_factor(site: Flask) -> None:
    """C-45, SECURITY 26: approvals, exports, key, contact and access changes, over all routes."""
    missing = sorted(
        {
            f"{rule.endpoint} {rule.rule}"
            for rule, needs in routes(site)
            if (rule.methods or set()) & UNSAFE
            and (needs.permission not in ORDINARY or WORDS.search(rule.rule))
            and not needs.step_up
            and rule.endpoint not in EXCUSED
        }
    )
    assert missing == [], "give these step_up=True, or a reason in EXCUSED"


def test_every_excuse_is_of_a_route_that_is_there(site: Flask) -> None:
    """No excuse outlives its route, nor covers one that asks anyway."""
    asked = {rule.endpoint for rule, needs in routes(site) if needs.step_up}
    known = {rule.endpoint for rule, _needs in routes(site)}
    assert {name for name in EXCUSED if name not in known or name in asked} == set()


@pytest.fixture
def clerks(site: Flask, db_session: Session) -> list[Someone]:
    """One of each kind who must have a second factor: a colleague and an organizer's owner."""
    organization = Organization(
        name=f"主办{uuid.uuid4().hex[:8]}",
        contact="010-88880000",
        processing_role="independent",
        active=True,
        created_at=now(),
    )
    db_session.add(organization)
    db_session.commit()
    return [
        let_in(site, db_session),
        let_in(site, db_session, Realm.ORGANIZER, (Role.ORGANIZER_OWNER,), organization.id),
    ]


def address(site: Flask, rule: Rule) -> str:
    """An address of *rule* with some id in each place."""
    values: dict[str, object] = {}
    for name in rule.arguments:
        converter = rule._converters[name]
        items = getattr(converter, "items", None)
        kind = type(converter).__name__
        if items:
            values[name] = min(items)
        else:
            values[name] = {"UUIDConverter": uuid.uuid4(), "IntegerConverter": 1}.get(kind, "x")
    with site.test_request_context():
        return url_for(rule.endpoint, **values)


def test_no_address_at_all_opens_to_a_password_alone(site: Flask, clerks: list[Someone]) -> None:
    """C-36, SECURITY 24: every route and method, for staff and for an organizer's owner."""
    doors = {Realm.STAFF: "/staff/login", Realm.ORGANIZER: "/organizer/login"}
    reached = []
    for someone, realm in zip(clerks, (Realm.STAFF, Realm.ORGANIZER), strict=True):
        assert realm in MFA_REALMS
        browser = Browser(site)
        assert "/account/code" in browser.sign_in(someone.login, LONG, doors[realm]).location
        for rule, needs in routes(site):
            if needs.mfa_setup:
                continue
            path = address(site, rule)
            for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
                answer = browser.client.open(
                    path, method=method, environ_base={"REMOTE_ADDR": browser.address}
                )
                if answer.status_code != 403:
                    reached.append((method, path, answer.status_code))
    assert reached == []


def test_the_few_addresses_before_the_second_factor_are_known(site: Flask) -> None:
    """C-36: what a password alone reaches is this and nothing more."""
    assert {rule.endpoint for rule, needs in routes(site) if needs.mfa_setup} == {
        "accounts.authenticator",
        "accounts.first_passkey",
        "accounts.first_sms_factor",
        "accounts.logout",
        "accounts.mfa",
        "accounts.passkey_options",
        "accounts.passkey_sign_in",
        "accounts.send_code",
    }


def test_ten_minutes_and_no_longer(
    site: Flask, clerks: list[Someone], db_session: Session, settings: Settings, clock: Clock
) -> None:
    """C-45, CONTROLS 5: a factor given 10:01 minutes ago is none, on every route that asks."""
    staff = clerks[0]
    assert settings.step_up_seconds == 600
    clock.move(timedelta(minutes=10, seconds=1))
    account = db_session.get_one(Account, staff.account_id)
    assert account.realm is Realm.STAFF
    stale = []
    for rule, needs in routes(site):
        if not needs.step_up or "GET" not in (rule.methods or set()):
            continue
        answer = staff.browser.get(address(site, rule))
        asked = answer.status_code == 302 and "/account/step-up" in answer.location
        if not asked and answer.status_code != 403:
            stale.append((rule.rule, answer.status_code))
    assert stale == []


def test_a_students_own_weighty_acts_ask_too(site: Flask) -> None:
    """C-45: closing, a copy of everything, another way to sign in: a password counts as proof."""
    someone = registered(site)
    for path in ("/account/passkeys/new", "/account/authenticator/replace"):
        assert "/account/step-up" in someone.browser.get(path).location
