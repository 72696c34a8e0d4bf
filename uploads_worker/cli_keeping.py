"""The operator's commands about keeping: backups, restoring, and the legal archive."""

from __future__ import annotations

import argparse
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from uploads_worker.console import say
from uploads_worker.context import Context
from uploads_worker.settings import WorkerSettings

Commands = Any
Add = Callable[..., argparse.ArgumentParser]
Group = Callable[..., Any]


def _backup(given: argparse.Namespace, settings: WorkerSettings) -> int:
    from uploads_worker.hosts import ClocksDisagree
    from uploads_worker.keeping import backup

    context = Context.open(settings)
    try:
        made = backup.make(context, given.folder)
    except backup.BackupFailed as error:
        say("not made:", error)
        return 1
    say("made", made.folder, f"({made.objects} objects, {made.bytes} bytes)")
    try:
        gone = [] if given.keep_all else backup.prune(context, given.folder)
    except ClocksDisagree as error:
        say("no earlier one removed: this host's clock and the database's are apart by", error)
        return 1
    for name in gone:
        say("removed", name)
    return 0


def _restore(given: argparse.Namespace, settings: WorkerSettings) -> int:
    from uploads_worker.keeping import backup, restore

    try:
        done = restore.restore(settings, given.folder, given.identity)
    except backup.BackupFailed as error:
        say("not restored:", error)
        return 1
    say(f"restored {done.objects} objects; destroyed again: {done.destroyed_again}")
    say("now `run --once`, then start the web; everybody signs in anew")
    return 0


def _hand_out(given: argparse.Namespace, settings: WorkerSettings) -> int:
    from uploads_worker.keeping import archive

    try:
        count = archive.hand_out(Context.open(settings), given.order, given.folder)
    except archive.NotApproved:
        say("refused: the order is not approved by both, or was carried out before")
        return 1
    say(f"wrote {count} sealed objects to {given.folder}; open them apart from this host")
    return 0


def add(commands: Commands, add_command: Add, group: Group) -> None:
    """Add the commands to the parser's *commands*."""
    backup = add_command(
        commands, "backup", _backup, "seal database, objects and keyring to BACKUP_RECIPIENT"
    )
    backup.add_argument("folder", type=Path, help="where backups lie, one folder each")
    backup.add_argument("--keep-all", action="store_true", help="remove no earlier backup")
    restore = add_command(
        commands, "restore", _restore, "bring a backup into an empty database and store"
    )
    restore.add_argument("folder", type=Path, help="the backup (heyan-…)")
    restore.add_argument(
        "--identity", type=Path, action="append", required=True,
        help="file with the operator's age identity; the keyring's recovery identity first",
    )  # fmt: skip
    archive = group(commands, "archive", "the legal archive")
    out = add_command(
        archive, "hand-out", _hand_out, "copy out the ciphertexts in an approved order's scope"
    )
    out.add_argument("order", type=uuid.UUID, help="the order's id, as its page shows it")
    out.add_argument("folder", type=Path, help="a new folder")
