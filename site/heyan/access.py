"""Who may do what: permissions, roles, and the mark that every route carries.

The application refuses to start with a route that declares neither `public` nor `requires`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar


class Realm(enum.Enum):
    """The three kinds of account; none can sign in through another's door."""

    PUBLIC = "public"
    ORGANIZER = "organizer"
    STAFF = "staff"


class Role(enum.Enum):
    """What an account is here for."""

    STUDENT = "student"
    ORGANIZER_MEMBER = "organizer_member"
    ORGANIZER_OWNER = "organizer_owner"
    SERVICE = "service"
    OPERATIONS = "operations"
    PRIVACY_OFFICER = "privacy_officer"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


class Scenario(enum.Enum):
    """What contact data is looked at for; a standing grant is for one role in one of these."""

    LEADS = "leads"
    CONTACTS = "contacts"
    ACCOUNTS = "accounts"
    REGISTRATIONS = "registrations"
    RIGHTS = "rights"


class Permission(enum.Enum):
    """A thing that a route lets someone do."""

    OWN_ACCOUNT = "own_account"
    OWN_ENROLMENT = "own_enrolment"
    ORGANIZER_HOME = "organizer_home"
    ORGANIZER_KEYS = "organizer_keys"
    ORGANIZER_MEMBERS = "organizer_members"
    ORGANIZER_RELEASES = "organizer_releases"
    ORGANIZER_DECIDE = "organizer_decide"
    STAFF_HOME = "staff_home"
    LEADS_WORK = "leads_work"
    CONTACTS_WORK = "contacts_work"
    MESSAGES_SEE = "messages_see"
    EVENTS_MANAGE = "events_manage"
    ORGANIZATIONS_SEE = "organizations_see"
    ORGANIZATIONS_MANAGE = "organizations_manage"
    ORGANIZATIONS_APPROVE = "organizations_approve"
    RECIPIENTS_SEE = "recipients_see"
    RECIPIENTS_CONFIRM = "recipients_confirm"
    RECIPIENTS_APPROVE = "recipients_approve"
    STAFF_MANAGE = "staff_manage"
    VIEWINGS_OWN = "viewings_own"
    EXPORTS_ASK = "exports_ask"
    VIEWINGS_KEYS_CONFIRM = "viewings_keys_confirm"
    AUDIT_READ = "audit_read"
    USAGE_SEE = "usage_see"
    FACTORS_RESET = "factors_reset"
    ACCESS_REVIEW = "access_review"
    RIGHTS_WORK = "rights_work"
    RIGHTS_CONFIRM = "rights_confirm"
    ACCOUNTS_ASSIST = "accounts_assist"
    AGREEMENTS_SEE = "agreements_see"
    AGREEMENTS_MANAGE = "agreements_manage"
    AGREEMENTS_APPROVE = "agreements_approve"
    KEEPING_SEE = "keeping_see"
    KEEPING_ORDER = "keeping_order"
    APPROVALS_SEE = "approvals_see"
    APPROVALS_ASK = "approvals_ask"
    APPROVALS_DECIDE = "approvals_decide"
    GRANTS_PROPOSE = "grants_propose"
    GRANTS_APPROVE = "grants_approve"
    REGISTRATIONS_SEE = "registrations_see"
    SAFETY_WORK = "safety_work"
    POLICIES_SEE = "policies_see"
    POLICIES_DRAFT = "policies_draft"
    POLICIES_APPROVE = "policies_approve"
    ALERTS_WORK = "alerts_work"
    REPORTS_SEE = "reports_see"
    FINDINGS_MANAGE = "findings_manage"
    TRAINING_MANAGE = "training_manage"
    ASSESSMENTS_SEE = "assessments_see"
    ASSESSMENTS_WRITE = "assessments_write"
    ASSESSMENTS_CONFIRM = "assessments_confirm"
    WINDDOWN_PROPOSE = "winddown_propose"
    WINDDOWN_APPROVE = "winddown_approve"
    WINDDOWN_SEE = "winddown_see"


P = Permission

GRANTS: dict[Role, frozenset[Permission]] = {
    Role.STUDENT: frozenset({P.OWN_ACCOUNT, P.OWN_ENROLMENT}),
    Role.ORGANIZER_MEMBER: frozenset(
        {P.OWN_ACCOUNT, P.ORGANIZER_HOME, P.ORGANIZER_RELEASES, P.ORGANIZER_DECIDE}
    ),
    Role.ORGANIZER_OWNER: frozenset(
        {
            P.OWN_ACCOUNT,
            P.ORGANIZER_HOME,
            P.ORGANIZER_RELEASES,
            P.ORGANIZER_DECIDE,
            P.ORGANIZER_KEYS,
            P.ORGANIZER_MEMBERS,
        }
    ),
    Role.SERVICE: frozenset(
        {P.OWN_ACCOUNT, P.STAFF_HOME, P.VIEWINGS_OWN, P.LEADS_WORK, P.CONTACTS_WORK}
        | {P.MESSAGES_SEE, P.EXPORTS_ASK}
        | {P.ACCOUNTS_ASSIST, P.RIGHTS_WORK, P.APPROVALS_SEE, P.APPROVALS_ASK, P.REGISTRATIONS_SEE}
    ),
    Role.OPERATIONS: frozenset(
        {
            P.OWN_ACCOUNT,
            P.STAFF_HOME,
            P.VIEWINGS_OWN,
            P.APPROVALS_SEE,
            P.APPROVALS_ASK,
            P.REGISTRATIONS_SEE,
            P.USAGE_SEE,
            P.EVENTS_MANAGE,
            P.ASSESSMENTS_SEE,
            P.ASSESSMENTS_WRITE,
            P.SAFETY_WORK,
            P.ORGANIZATIONS_SEE,
            P.ORGANIZATIONS_MANAGE,
            P.RECIPIENTS_SEE,
            P.RECIPIENTS_CONFIRM,
            P.AGREEMENTS_SEE,
            P.AGREEMENTS_MANAGE,
            P.ACCOUNTS_ASSIST,
        }
    ),
    Role.PRIVACY_OFFICER: frozenset(
        {
            P.ALERTS_WORK,
            P.REPORTS_SEE,
            P.FINDINGS_MANAGE,
            P.TRAINING_MANAGE,
            P.SAFETY_WORK,
            P.MESSAGES_SEE,
            P.POLICIES_SEE,
            P.POLICIES_DRAFT,
            P.ASSESSMENTS_SEE,
            P.ASSESSMENTS_WRITE,
            P.ASSESSMENTS_CONFIRM,
            P.WINDDOWN_PROPOSE,
            P.WINDDOWN_SEE,
            P.OWN_ACCOUNT,
            P.KEEPING_SEE,
            P.KEEPING_ORDER,
            P.APPROVALS_SEE,
            P.APPROVALS_ASK,
            P.APPROVALS_DECIDE,
            P.GRANTS_APPROVE,
            P.REGISTRATIONS_SEE,
            P.RIGHTS_WORK,
            P.RIGHTS_CONFIRM,
            P.AGREEMENTS_SEE,
            P.AGREEMENTS_APPROVE,
            P.STAFF_HOME,
            P.VIEWINGS_OWN,
            P.VIEWINGS_KEYS_CONFIRM,
            P.USAGE_SEE,
            P.ORGANIZATIONS_SEE,
            P.ORGANIZATIONS_APPROVE,
            P.RECIPIENTS_SEE,
            P.RECIPIENTS_APPROVE,
            P.AUDIT_READ,
            P.FACTORS_RESET,
        }
    ),
    Role.ADMINISTRATOR: frozenset(
        {
            # What concerns the privacy officer is looked at by somebody else.
            P.ALERTS_WORK,
            P.REPORTS_SEE,
            P.TRAINING_MANAGE,
            P.MESSAGES_SEE,
            P.POLICIES_SEE,
            P.POLICIES_APPROVE,
            P.ASSESSMENTS_SEE,
            P.ASSESSMENTS_CONFIRM,
            P.WINDDOWN_APPROVE,
            P.WINDDOWN_SEE,
            P.OWN_ACCOUNT,
            P.KEEPING_SEE,
            P.KEEPING_ORDER,
            P.APPROVALS_SEE,
            P.APPROVALS_ASK,
            P.APPROVALS_DECIDE,
            P.GRANTS_PROPOSE,
            P.REGISTRATIONS_SEE,
            P.RIGHTS_WORK,
            P.RIGHTS_CONFIRM,
            P.AGREEMENTS_SEE,
            P.AGREEMENTS_APPROVE,
            P.STAFF_HOME,
            P.VIEWINGS_OWN,
            P.VIEWINGS_KEYS_CONFIRM,
            P.STAFF_MANAGE,
            P.ORGANIZATIONS_SEE,
            P.ORGANIZATIONS_APPROVE,
            P.RECIPIENTS_SEE,
            P.RECIPIENTS_APPROVE,
            P.AUDIT_READ,
            P.FACTORS_RESET,
            P.ACCESS_REVIEW,
        }
    ),
    Role.AUDITOR: frozenset(
        {
            P.REPORTS_SEE,
            P.FINDINGS_MANAGE,
            P.OWN_ACCOUNT,
            P.KEEPING_SEE,
            P.ASSESSMENTS_SEE,
            P.WINDDOWN_SEE,
            P.POLICIES_SEE,
            P.STAFF_HOME,
            P.AUDIT_READ,
            P.ACCESS_REVIEW,
            P.AGREEMENTS_SEE,
            P.APPROVALS_SEE,
        }
    ),
}

# In which scenario a role may see personal data at all, given a live grant or approval (I2, S-086).
SCENARIOS: dict[Scenario, frozenset[Role]] = {
    Scenario.LEADS: frozenset({Role.SERVICE}),
    Scenario.CONTACTS: frozenset({Role.SERVICE}),
    Scenario.ACCOUNTS: frozenset({Role.SERVICE, Role.ADMINISTRATOR}),
    Scenario.REGISTRATIONS: frozenset(
        {Role.SERVICE, Role.OPERATIONS, Role.PRIVACY_OFFICER, Role.ADMINISTRATOR}
    ),
    Scenario.RIGHTS: frozenset({Role.SERVICE, Role.PRIVACY_OFFICER, Role.ADMINISTRATOR}),
}

REALM_OF: dict[Role, Realm] = {
    Role.STUDENT: Realm.PUBLIC,
    Role.ORGANIZER_MEMBER: Realm.ORGANIZER,
    Role.ORGANIZER_OWNER: Realm.ORGANIZER,
    Role.SERVICE: Realm.STAFF,
    Role.OPERATIONS: Realm.STAFF,
    Role.PRIVACY_OFFICER: Realm.STAFF,
    Role.ADMINISTRATOR: Realm.STAFF,
    Role.AUDITOR: Realm.STAFF,
}

# What one person may propose or confirm and what another must approve: never one person's.
APART: tuple[tuple[frozenset[Permission], frozenset[Permission]], ...] = (
    (
        frozenset({P.ORGANIZATIONS_MANAGE, P.RECIPIENTS_CONFIRM}),
        frozenset({P.ORGANIZATIONS_APPROVE, P.RECIPIENTS_APPROVE}),
    ),
    (frozenset({P.AGREEMENTS_MANAGE}), frozenset({P.AGREEMENTS_APPROVE})),
)

MFA_REALMS = frozenset({Realm.ORGANIZER, Realm.STAFF})


def compatible(roles: frozenset[Role]) -> bool:
    """Tell whether one account may hold all of *roles* (two-person rules, C-50)."""
    held = frozenset().union(*(GRANTS[role] for role in roles))
    return not any(held & one and held & other for one, other in APART)


@dataclass(frozen=True)
class Requirement:
    """What a route asks of the person in front of it.

    ``permission`` None means the route is open. ``step_up`` asks for a second factor within the
    last ten minutes. ``mfa_setup`` marks the few routes that a person whose second factor is
    still missing may use.
    """

    permission: Permission | None
    step_up: bool = False
    mfa_setup: bool = False


V = TypeVar("V", bound=Callable[..., Any])


def public(view: V) -> V:
    """Mark *view* as readable by anyone, without an account."""
    view.__heyan_requires__ = Requirement(None)  # type: ignore[attr-defined]
    return view


def requires(
    permission: Permission, *, step_up: bool = False, mfa_setup: bool = False
) -> Callable[[V], V]:
    """Mark *view* as open only to roles that hold *permission*."""

    def mark(view: V) -> V:
        view.__heyan_requires__ = Requirement(  # type: ignore[attr-defined]
            permission, step_up=step_up, mfa_setup=mfa_setup
        )
        return view

    return mark


def requirement_of(view: Callable[..., Any]) -> Requirement | None:
    """Return what *view* declared, or None when it declared nothing."""
    found: Requirement | None = getattr(view, "__heyan_requires__", None)
    return found


def allowed(roles: frozenset[Role], permission: Permission) -> bool:
    """Tell whether any of *roles* holds *permission*."""
    return any(permission in GRANTS[role] for role in roles)
