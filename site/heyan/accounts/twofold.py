"""Whether two accounts are, as far as accounts can tell, one human (C-50, SECURITY 30).

Two people are meant where two are asked for. An account cannot see who sits before it; but one
staff number or one name on two accounts, or one browser that signed in to both, is one person
until shown otherwise. And who hands out a way into an account may be sitting behind it: for three
days such an account counts as theirs, so that nobody makes a second person to agree with. What the
operator's command handed out counts as nobody's.
"""

from __future__ import annotations

import unicodedata
import uuid
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from heyan import clock
from heyan.access import Realm
from heyan.accounts import devices
from heyan.accounts.models import Account, Invitation
from heyan.db import blind_index

# How long an account counts as that of whoever handed out the way into it.
IN_ONE_HAND = timedelta(hours=72)


def folded_name(name: str | None) -> str:
    """Return *name* as people are compared: without width, case, blanks and notes in brackets."""
    kept = unicodedata.normalize("NFKC", name or "").casefold()
    kept = kept.split("(", 1)[0]
    return "".join(kept.split())


def person_index(number: str) -> bytes:
    """Return the mark of the human whose staff number is *number*, however it is written."""
    return blind_index(folded_name(number), "accounts.person")


def same_human(
    session: Session,
    one: uuid.UUID | None,
    other: uuid.UUID | None,
    *,
    browser: Sequence[str] = (),
) -> bool:
    """Tell whether *one*, who acts now, and *other*, who acted before, may be one person.

    *browser* are the device tokens of the browser in front of us (`devices.read_cookie`).
    """
    if one is None or other is None or one == other:
        return True
    rows = session.execute(
        select(Account.id, Account.name, Account.person_index).where(Account.id.in_((one, other)))
    ).all()
    names = {row.id: folded_name(row.name) for row in rows}
    if names.get(one) and names.get(one) == names.get(other):
        return True
    marks = [row.person_index for row in rows if row.person_index is not None]
    if len(marks) == 2 and marks[0] == marks[1]:
        return True
    if hands(session, one) & hands(session, other):
        return True
    return devices.known(session, other, browser) is not None


def hands(session: Session, account_id: uuid.UUID) -> frozenset[uuid.UUID]:
    """Return whose word an account's may be: its own, and whoever lately handed out a code."""
    inviters = session.scalars(
        select(Invitation.invited_by)
        .join(Account, Account.id == Invitation.account_id)
        .where(
            Invitation.account_id == account_id,
            # Colleagues alone: an organizer's owner is invited by staff and known to them.
            Account.realm == Realm.STAFF,
            Invitation.created_at > clock.now() - IN_ONE_HAND,
            Invitation.invited_by.is_not(None),
        )
    )
    return frozenset({account_id, *(one for one in inviters if one is not None)})
