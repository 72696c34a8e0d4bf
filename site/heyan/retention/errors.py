"""What keeping can refuse."""

from __future__ import annotations


class RetentionError(Exception):
    """A refusal of this feature."""


class SubjectUnknown(RetentionError):
    """Nothing of this kind has this id."""


class NotTheOther(RetentionError):
    """It takes the privacy officer and an administrator, and this is not the other of the two."""


class AlreadySettled(RetentionError):
    """Somebody settled it before."""


class ForeignBody(RetentionError):
    """A body outside the mainland asks: it needs the competent authority's leave (PIPL 41)."""


class NoArchive(RetentionError):
    """No offline recipient is set, so there is nothing to be handed out."""
