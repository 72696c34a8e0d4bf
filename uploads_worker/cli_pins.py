"""The operator's commands about whose keys this host trusts: organizers', and staff's own."""

from __future__ import annotations

import argparse
import sys
import uuid
from collections.abc import Callable
from typing import Any

from uploads_worker.console import say
from uploads_worker.context import Context
from uploads_worker.keyring import KeyringError
from uploads_worker.settings import WorkerSettings
from uploads_worker.unlocking import open_keyring

Commands = Any
Add = Callable[..., argparse.ArgumentParser]


def _pin(given: argparse.Namespace, settings: WorkerSettings) -> int:
    from heyan.releases.fingerprint import recipient_fingerprint
    from uploads_worker import pinning

    context = Context.open(settings)
    try:
        row = pinning.candidate(context, given.organization, given.recipient)
        shown = recipient_fingerprint(row.recipient)
        say("organization ", given.organization)
        say("purpose      ", row.purpose)
        say("recipient    ", row.recipient)
        say("fingerprint  ", shown)
        typed = given.yes_fingerprint or _ask_fingerprint()
        pinning.pin(context, given.organization, given.recipient, fingerprint=typed)
    except pinning.PinRefused as error:
        say("not pinned:", error)
        return 1
    say("pinned")
    return 0


def _ask_fingerprint() -> str:
    if not sys.stdin.isatty():
        raise KeyringError("give --yes-fingerprint, or start from a terminal")
    say("Compare it with what the organizer says or wrote, not with the portal.")
    return input("Type the fingerprint as the organizer gave it: ")


def _unpin(given: argparse.Namespace, settings: WorkerSettings) -> int:
    from uploads_worker import pinning

    there = pinning.unpin(Context.open(settings), given.organization, given.recipient)
    say("unpinned" if there else "there was no such pin")
    return 0 if there else 1


def _pins(_given: argparse.Namespace, settings: WorkerSettings) -> int:
    from heyan.releases.fingerprint import recipient_fingerprint
    from uploads_worker import people

    keyring = open_keyring(settings)
    for organization, pins in sorted(keyring.all_pins().items()):
        for pin in pins:
            shown = recipient_fingerprint(pin.recipient)
            say(organization, pin.purpose, pin.recipient, f"[{shown}]", pin.pinned_at)
    for one in people.all_pins(keyring):
        shown = recipient_fingerprint(one.recipient)
        say(one.account_id, "person", one.recipient, f"[{shown}]", one.pinned_at, one.name)
    return 0


def _pin_person(given: argparse.Namespace, settings: WorkerSettings) -> int:
    from heyan.releases.fingerprint import recipient_fingerprint
    from uploads_worker import people

    context = Context.open(settings)
    try:
        row = people.candidate(context, given.account, given.key)
        say("person       ", given.account, given.name)
        say("recipient    ", row.recipient)
        say("fingerprint  ", recipient_fingerprint(row.recipient))
        typed = given.yes_fingerprint or _ask_fingerprint()
        people.pin(context, given.account, given.key, name=given.name, fingerprint=typed)
    except people.PinRefused as error:
        say("not pinned:", error)
        return 1
    say("pinned; what is opened for this person is marked with", given.name)
    return 0


def _unpin_person(given: argparse.Namespace, settings: WorkerSettings) -> int:
    from uploads_worker import people

    there = people.unpin(Context.open(settings), given.account)
    say("unpinned" if there else "there was no such pin")
    return 0 if there else 1


def add(commands: Commands, add_command: Add) -> None:
    """Add these commands to the worker's."""
    pin = add_command(commands, "pin", _pin, "trust an organizer's approved recipient on this host")
    pin.add_argument("organization", type=uuid.UUID, help="the organization's id")
    pin.add_argument("recipient", type=uuid.UUID, help="the id of the approved recipient")
    pin.add_argument(
        "--yes-fingerprint",
        metavar="'xxxx xxxx …'",
        help="the fingerprint as the organizer gave it, instead of typing it",
    )
    unpin = add_command(commands, "unpin", _unpin, "trust a recipient no longer; revokes its row")
    unpin.add_argument("organization", type=uuid.UUID, help="the organization's id")
    unpin.add_argument("recipient", help="the recipient itself (age1…)")
    person = add_command(
        commands, "pin-person", _pin_person, "trust the confirmed key of a person on the staff"
    )
    person.add_argument("account", type=uuid.UUID, help="the person's account id")
    person.add_argument("key", type=uuid.UUID, help="the id of the confirmed key")
    person.add_argument(
        "--name", required=True, help="the name that is drawn on all that is opened for them"
    )
    person.add_argument(
        "--yes-fingerprint",
        metavar="'xxxx xxxx …'",
        help="the fingerprint as the person read it out, instead of typing it",
    )
    gone = add_command(
        commands, "unpin-person", _unpin_person, "trust a person's key no longer; revokes its row"
    )
    gone.add_argument("account", type=uuid.UUID, help="the person's account id")
    add_command(commands, "pins", _pins, "list the pinned recipients with their fingerprints")
