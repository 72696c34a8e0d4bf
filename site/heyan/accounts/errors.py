"""What the verbs of accounts may raise; every one has its words in `forms` or a page."""

from __future__ import annotations


class WrongCredentials(Exception):
    """Name and password do not open an account here (whichever of the two is wrong)."""


class WrongCode(Exception):
    """The one-time or recovery code is wrong, too old or used already."""


class WrongPassword(Exception):
    """The present password is not this one."""


class InvitationInvalid(Exception):
    """The activation code is unknown, used or expired (which one is not told)."""


class LoginTaken(Exception):
    """An account of this realm has this login name."""


class RolesRefused(Exception):
    """These roles do not belong to this realm, or there is none."""


class NotThisOne(Exception):
    """One's own account, or the last administrator or owner, cannot be taken out."""


class NotFound(Exception):
    """There is no such account within what the actor may manage."""


class FactorNeeded(Exception):
    """The second factor cannot be taken off this account."""


class PasskeyRefused(Exception):
    """The passkey's answer is wrong, late, of another session, another account or a copy."""


class TooManyPasskeys(Exception):
    """The account has as many passkeys as one may have."""


class ResetRefused(Exception):
    """A lost factor is not taken off: asked already, not open, too late, or not by two people."""
