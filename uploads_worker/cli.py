"""The commands of the worker's host: what each is called, what it takes, what it prints.

What they do stands in the modules named after it. Nothing here listens on a port.
"""

from __future__ import annotations

import argparse
import base64
import getpass
import json
import uuid
from collections.abc import Callable
from pathlib import Path

from heyan import logs
from uploads_worker import cli_keeping, cli_pins
from uploads_worker.console import say
from uploads_worker.context import Context
from uploads_worker.keyring import STRONG, Keyring, KeyringError, KmsHook
from uploads_worker.keyring_file import CHEAP, Secret
from uploads_worker.settings import WorkerSettings
from uploads_worker.unlocking import (
    HARD,
    hard_to_guess,
    open_keyring,
    read_passphrase_file,
    secret,
)

EPILOG = """\
The keyring is named by KEYRING; it opens with KEYRING_KMS, KEYRING_PASSPHRASE_FILE (mode 0600),
KEYRING_PASSPHRASE, or a passphrase typed at the prompt, whichever is set first. All settings come
from the environment. docs/custody.md tells the ceremonies: making the root, pinning an organizer,
rotating a key, bringing back a lost host.
"""

Act = Callable[[argparse.Namespace, WorkerSettings], int]


def main(arguments: list[str] | None = None) -> int:
    """Run one command; return its exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    logs.configure()
    settings = WorkerSettings.from_env()
    act: Act = given.act
    return act(given, settings)


# --- running ---------------------------------------------------------------------------------


def _init(given: argparse.Namespace, settings: WorkerSettings) -> int:
    if settings.keyring.exists():
        keyring = open_keyring(settings)
        say("there is a keyring already; its root's public key:")
    else:
        kdf = STRONG
        if given.cheap_kdf_for_tests:
            if settings.production:
                raise KeyringError("a cheap KDF is refused in production")
            kdf = CHEAP
        keyring = Keyring.create(settings.keyring, secret(settings), kdf=kdf)
        say("made", settings.keyring)
        say("the root's public key, for ROOT_PUBLIC_KEY of the web and for every organizer:")
    say(base64.b64encode(keyring.root_public_key).decode())
    return 0


def _run(given: argparse.Namespace, settings: WorkerSettings) -> int:
    from uploads_worker import running

    _no_core_dumps()
    context = Context.open(settings)
    try:
        if given.once:
            running.run_once(context)
        else:
            running.run(context)
    finally:
        context.close()
    return 0


def _no_core_dumps() -> None:
    """Keep keys out of core files."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _sweep(_given: argparse.Namespace, settings: WorkerSettings) -> int:
    from uploads_worker import sweep

    context = Context.open(settings)
    for name, count in sweep.sweep(context).items():
        if count:
            say(name, count)
    say("swept")
    return 0


def _reconcile(_given: argparse.Namespace, settings: WorkerSettings) -> int:
    from uploads_worker import reconcile

    found = reconcile.reconcile(Context.open(settings))
    say(json.dumps(found))
    return 1 if found["missing"] or found["changed"] or found["public"] else 0


def _receipts(_given: argparse.Namespace, settings: WorkerSettings) -> int:
    from uploads_worker import receipts

    say("signed", receipts.sign_all(Context.open(settings)))
    return 0


# --- keyring ---------------------------------------------------------------------------------


def _backup(given: argparse.Namespace, settings: WorkerSettings) -> int:
    from uploads_worker import keyring_copies

    made = keyring_copies.make(open_keyring(settings), given.folder, settings.keyring_recovery)
    say("made", made)
    return 0


def _copies(_given: argparse.Namespace, settings: WorkerSettings) -> int:
    for one in open_keyring(settings).copies():
        say(one.taken_at, one.path)
    return 0


def _restore(given: argparse.Namespace, settings: WorkerSettings) -> int:
    from uploads_worker import keyring_copies

    keyring_copies.restore(given.copy, given.identity, settings.keyring)
    keyring = open_keyring(settings)
    say("restored; the root's public key:")
    say(base64.b64encode(keyring.root_public_key).decode())
    return 0


def _passphrase(given: argparse.Namespace, settings: WorkerSettings) -> int:
    new: Secret
    if given.new_kms:
        new = KmsHook(given.new_kms)
    elif given.new_file is not None:
        new = read_passphrase_file(given.new_file)
    else:
        new = getpass.getpass("New passphrase: ")
        if getpass.getpass("Again: ") != new:
            raise KeyringError("the two differ")
    if isinstance(new, str) and not hard_to_guess(new):
        raise KeyringError(f"a passphrase has {HARD}")
    open_keyring(settings).change_passphrase(new)
    say("changed; the worker must be started again with the new passphrase, and copies made anew")
    return 0


def _root(_given: argparse.Namespace, settings: WorkerSettings) -> int:
    from uploads_worker import rotation

    say("the new root's public key, for ROOT_PUBLIC_KEY of the web and for every organizer:")
    say(base64.b64encode(rotation.rotate_root(Context.open(settings))).decode())
    return 0


def _root_show(_given: argparse.Namespace, settings: WorkerSettings) -> int:
    from heyan.releases.fingerprint import key_fingerprint

    public = open_keyring(settings).root_public_key
    say("fingerprint", key_fingerprint(public))
    say(base64.b64encode(public).decode())
    return 0


# --- vault keys ------------------------------------------------------------------------------


def _provision(given: argparse.Namespace, settings: WorkerSettings) -> int:
    from uploads_worker import vault

    say("active", vault.provision(Context.open(settings), given.event))
    return 0


def _rotate(given: argparse.Namespace, settings: WorkerSettings) -> int:
    from heyan.audit.service import OPERATOR
    from uploads_worker import vault

    say("active", vault.rotate(Context.open(settings), given.event, actor=OPERATOR))
    say("documents are sealed to the new key from now on; `vault reseal` moves the earlier ones")
    return 0


def _reseal(given: argparse.Namespace, settings: WorkerSettings) -> int:
    from uploads_worker import rotation

    found = rotation.reseal(Context.open(settings), given.event)
    say(json.dumps(found))
    return 1 if found["failed"] else 0


def _destroy(given: argparse.Namespace, settings: WorkerSettings) -> int:
    from heyan.audit.service import OPERATOR
    from uploads_worker import endings

    if not given.yes:
        say("this destroys every document of the event for good; say --yes")
        return 1
    endings.end_event(Context.open(settings), given.event, actor=OPERATOR)
    say("destroyed")
    return 0


def _inventory(_given: argparse.Namespace, settings: WorkerSettings) -> int:
    from uploads_worker import inventory

    say(json.dumps(inventory.inventory(open_keyring(settings)), indent=1, ensure_ascii=False))
    return 0


# --- audit -----------------------------------------------------------------------------------


def _verify(_given: argparse.Namespace, settings: WorkerSettings) -> int:
    from uploads_worker import audit_chain, audit_times

    context = Context.open(settings)
    count, fault = audit_chain.verify(context)
    if fault is None:
        say(f"the audit trail holds: {count} entries")
        times = audit_times.check(context)
        if times.monotonic:
            say(f"times run forward over {times.seals} seals")
            return 0
        say(f"CLOCK: {len(times.backward)} seals are earlier than the one before:", *times.backward)
        say(f"{times.late_entries} entries are later than their seal, from {times.first_late} on")
        say(f"{times.dated_back} are dated hours back, from {times.first_dated_back} on")
        return 1
    say(f"BROKEN ({fault.kind}): {fault.message}")
    say(f"{count} entries before it hold")
    return 1


def _export(given: argparse.Namespace, settings: WorkerSettings) -> int:
    from uploads_worker import audit_chain

    say("wrote", audit_chain.export(Context.open(settings), given.file), "entries to", given.file)
    return 0


def _anchor(_given: argparse.Namespace, settings: WorkerSettings) -> int:
    from uploads_worker import audit_chain

    say("anchor", audit_chain.anchor(Context.open(settings)))
    return 0


# --- the parser ------------------------------------------------------------------------------


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m uploads_worker",
        description="The worker: the only process that can open what people have sealed.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", title="commands")

    init = _add(commands, "init", _init, "make the keyring and its signing root; print its key")
    init.add_argument("--cheap-kdf-for-tests", action="store_true", help=argparse.SUPPRESS)
    run = _add(commands, "run", _run, "run jobs until stopped (SIGTERM ends it gently)")
    run.add_argument("--once", action="store_true", help="run what waits and is due, then exit")

    cli_pins.add(commands, _add)
    cli_keeping.add(commands, _add, _group)

    keyring = _group(commands, "keyring", "copies of the keyring, and its passphrase")
    backup = _add(keyring, "backup", _backup, "seal a copy to KEYRING_RECOVERY_RECIPIENT")
    backup.add_argument("folder", type=Path, help="where the copy goes; it is listed")
    _add(keyring, "copies", _copies, "list the copies")
    restore = _add(keyring, "restore", _restore, "put a copy in place on a new host")
    restore.add_argument("copy", type=Path, help="the copy (keyring-….age)")
    restore.add_argument("--identity", type=Path, required=True, help="the recovery identity file")
    change = _add(keyring, "passphrase", _passphrase, "lock it by another passphrase or a KMS")
    change.add_argument("--new-file", type=Path, help="file with the new passphrase, mode 0600")
    change.add_argument("--new-kms", help="module:function or command that gives the wrapping key")

    root = _group(commands, "root", "the signing root")
    _add(root, "show", _root_show, "print the root's public key and fingerprint")
    _add(root, "rotate", _root, "make a new root and sign every live vault key with it")

    vault = _group(commands, "vault", "an event's vault keys")
    for name, act, help_ in (
        ("provision", _provision, "give the event its key unless it has one"),
        ("rotate", _rotate, "give the event a new key; earlier ones still open"),
        ("reseal", _reseal, "seal the event's live documents and ID numbers to the new key"),
        ("destroy", _destroy, "destroy the event's keys, documents and ID numbers for good"),
    ):
        one = _add(vault, name, act, help_)
        one.add_argument("event", type=uuid.UUID, help="the event's id")
        if act is _destroy:
            one.add_argument("--yes", action="store_true", help="yes, for good")
    _add(commands, "inventory", _inventory, "list cryptographic suites and keys in use, as JSON")

    audit = _group(commands, "audit", "the audit trail")
    _add(audit, "verify", _verify, "check entries, chain, seals and anchors; name the first fault")
    export = _add(audit, "export", _export, "write it all for static/tools/heyan_verify.py")
    export.add_argument("file", type=Path, help="the new file, mode 0600")
    _add(audit, "anchor", _anchor, "keep the present head outside the database, now")

    sweep = _group(commands, "sweep", "what is past its last day")
    _add(sweep, "now", _sweep, "destroy it now instead of at the next full hour")
    _add(commands, "reconcile", _reconcile, "read every sealed object and compare it with its row")
    receipts = _group(commands, "receipts", "receipts of custody")
    _add(receipts, "sign", _receipts, "sign what has no receipt yet")
    return parser


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, act: Act, help_: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=help_, description=help_)
    parser.set_defaults(act=act)
    return parser


def _group(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, help_: str
) -> argparse._SubParsersAction[argparse.ArgumentParser]:
    parser = commands.add_parser(name, help=help_, description=help_)
    return parser.add_subparsers(required=True, metavar="COMMAND", title="commands")
