"""The verbs of accounts, for every other feature: they reach accounts only through this module.

Getting in by password stands in `entry`, second factors in `factors`, invitations and who may
sign in at all in `people`.
"""

from __future__ import annotations

from heyan.accounts.entry import (
    Client,
    SignedInNow,
    change_password,
    find,
    note_wrong_network,
    open_account,
    set_password,
    sign_in,
    sign_out,
)
from heyan.accounts.factors import (
    Completed,
    confirm_totp,
    enter_code,
    new_recovery_codes,
    recovery_codes_left,
    remove_totp,
    set_up_totp,
    step_up,
)
from heyan.accounts.held import factors as factors_held
from heyan.accounts.held import has_factor, has_passkey, has_totp, passkey_counts
from heyan.accounts.listing import Person, people
from heyan.accounts.own import end_other_sessions, end_session, history, security_notices
from heyan.accounts.people import (
    InvitationCode,
    activate,
    disable,
    enable,
    end_sessions,
    invite,
    is_member,
    reissue,
)
from heyan.accounts.twofold import same_human

__all__ = [
    "Client",
    "Completed",
    "InvitationCode",
    "Person",
    "SignedInNow",
    "activate",
    "change_password",
    "confirm_totp",
    "disable",
    "enable",
    "end_other_sessions",
    "end_session",
    "end_sessions",
    "enter_code",
    "factors_held",
    "find",
    "has_factor",
    "has_passkey",
    "has_totp",
    "history",
    "invite",
    "is_member",
    "new_recovery_codes",
    "note_wrong_network",
    "open_account",
    "passkey_counts",
    "people",
    "recovery_codes_left",
    "reissue",
    "remove_totp",
    "same_human",
    "security_notices",
    "set_password",
    "set_up_totp",
    "sign_in",
    "sign_out",
    "step_up",
]
