"""How settings are read from the environment: one declaration a setting, all faults at once.

Nothing here knows a particular setting; `heyan.settings` and `uploads_worker.settings` declare
them. No value is ever quoted in an error, since any of them may be a secret.
"""

from __future__ import annotations

import base64
import dataclasses
import ipaddress
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


class SettingsError(Exception):
    """The process cannot start as configured; ``faults`` names every setting at fault."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(["the settings do not allow a start:", *faults]))


@dataclasses.dataclass(frozen=True)
class Declaration:
    """What is known about one setting besides its type and default."""

    name: str
    doc: str
    read: Callable[[str], Any]
    unit: str
    source: str
    production: bool
    secret: bool


def setting(
    name: str | None,
    doc: str,
    *,
    read: Callable[[str], Any] = str,
    default: Any = dataclasses.MISSING,
    unit: str = "",
    source: str = "",
    production: bool = False,
    secret: bool = False,
) -> Any:
    """Declare the field that the variable *name* fills (None: the field's own, in capitals).

    Without *default* the variable is needed everywhere; *production* makes it needed there.
    *source* is the rule a number comes from. Secrets stay out of the object's repr.
    """
    declaration = Declaration(name or "", doc, read, unit, source, production, secret)
    metadata = {"setting": declaration}
    if default is dataclasses.MISSING:
        return dataclasses.field(repr=not secret, metadata=metadata)
    return dataclasses.field(default=default, repr=not secret, metadata=metadata)


def declarations(kind: type[Any]) -> list[tuple[dataclasses.Field[Any], Declaration]]:
    """Return every setting that *kind* declares, in order."""
    return [
        (item, _named(item.metadata["setting"], item.name))
        for item in dataclasses.fields(kind)
        if "setting" in item.metadata
    ]


def _named(declared: Declaration, field: str) -> Declaration:
    return declared if declared.name else dataclasses.replace(declared, name=field.upper())


def load(kind: type[T], environ: Mapping[str, str], *, production: bool) -> tuple[T, list[str]]:
    """Return *kind* filled from *environ*, and the faults found.

    An empty variable counts as absent. With faults the object is only good for further checks:
    what could not be read holds its default, or nothing.
    """
    values: dict[str, Any] = {}
    faults: list[str] = []
    for item, declared in declarations(kind):
        needed = item.default is dataclasses.MISSING
        values[item.name] = "" if needed else item.default
        text = environ.get(declared.name, "").strip()
        if text:
            try:
                values[item.name] = declared.read(text)
            except ValueError as error:
                faults.append(f"{declared.name} cannot be read: {_reason(error, declared)}")
        elif needed or (production and declared.production):
            faults.append(f"{declared.name} is missing: {declared.doc}")
    return kind(**values), faults


def _reason(error: Exception, declared: Declaration) -> str:
    if isinstance(error, Unreadable):
        return str(error)
    return f"expected {declared.unit}" if declared.unit else "not in the expected form"


class Unreadable(ValueError):
    """A value is not in its form; the message may be shown and quotes no value."""


def flag(text: str) -> bool:
    """Read 1/0, true/false, yes/no, on/off."""
    known = {"1": True, "true": True, "yes": True, "on": True}
    known |= {"0": False, "false": False, "no": False, "off": False}
    try:
        return known[text.lower()]
    except KeyError:
        raise Unreadable("expected true or false") from None


def whole(low: int = 0, high: int | None = None) -> Callable[[str], int]:
    """Return a reader of whole numbers within bounds."""

    def read(text: str) -> int:
        try:
            number = int(text.replace("_", ""))
        except ValueError:
            raise Unreadable("expected a whole number") from None
        if number < low or (high is not None and number > high):
            bounds = f"at least {low}" if high is None else f"between {low} and {high}"
            raise Unreadable(f"expected a number {bounds}")
        return number

    return read


def names(text: str) -> tuple[str, ...]:
    """Read a list parted by commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def networks(text: str) -> tuple[str, ...]:
    """Read a list of networks in CIDR form, IPv4 or IPv6."""
    found = names(text)
    for each in found:
        try:
            ipaddress.ip_network(each)
        except ValueError:
            raise Unreadable("expected networks such as 203.0.113.0/24") from None
    return found


def choice(*allowed: str) -> Callable[[str], str]:
    """Return a reader of one of *allowed*."""

    def read(text: str) -> str:
        if text not in allowed:
            raise Unreadable(f"expected one of {', '.join(allowed)}")
        return text

    return read


def choices(*allowed: str) -> Callable[[str], tuple[str, ...]]:
    """Return a reader of a list of *allowed*."""

    def read(text: str) -> tuple[str, ...]:
        chosen = names(text)
        if not chosen or not set(chosen) <= set(allowed):
            raise Unreadable(f"expected some of {', '.join(allowed)}")
        return chosen

    return read


def key32(text: str) -> bytes:
    """Read 32 bytes in base64."""
    raw = base64.b64decode(text, validate=True)
    if len(raw) != 32:
        raise Unreadable("expected 32 bytes in base64")
    return raw


def key32_text(text: str) -> str:
    """Check that *text* is 32 bytes in base64 and keep it as text."""
    key32(text)
    return text


def age_recipient(text: str) -> str:
    """Check that *text* is an age recipient, or empty, and keep it as text."""
    import pyrage

    if text:
        try:
            pyrage.x25519.Recipient.from_str(text)
        except pyrage.RecipientError as error:
            raise Unreadable("expected an age recipient (age1…)") from error
    return text


def key_list(text: str) -> str:
    """Check ``id:base64[,id:base64…]`` (32 bytes each, ids unique) and keep it as text."""
    seen: set[str] = set()
    for item in names(text):
        key_id, _, value = item.partition(":")
        if not key_id or not key_id.isalnum() or len(key_id) > 32 or key_id in seen:
            raise Unreadable("expected id:base64 pairs with unique ids of letters and digits")
        key32(value)
        seen.add(key_id)
    return text


def day(text: str) -> date:
    """Read a date as YYYY-MM-DD."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Unreadable("expected a date as YYYY-MM-DD") from None


def optional_file(text: str) -> Path | None:
    """Read the path of a file that is there, made absolute; empty: none."""
    if not text:
        return None
    path = Path(text).expanduser().absolute()
    if not path.is_file():
        raise Unreadable("expected the path of a file that is there")
    return path


def folder(text: str) -> Path:
    """Read a path, made absolute."""
    return Path(text).expanduser().absolute()
