"""Yesterday's backup, restored after a destruction, shows nothing of what was destroyed."""

from __future__ import annotations

import shutil
import time
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from deploy.local.machine import Machine
from heyan import clock as clocks
from heyan.access import Role, Scenario
from heyan.assistance import changes
from heyan.assistance.models import ChangeKind
from heyan.custody.objects import ObjectMissing
from heyan.documents.models import Document
from tests.approvals import grant
from tests.conftest import Clock
from tests.enrolment import World, id_number
from tests.keeping import hold
from tests.staff import colleague
from tests.worker import age_key, audit_of, command, opened, submit
from uploads_worker import destruction, keyring_copies, retention, sweep
from uploads_worker.context import Context
from uploads_worker.keeping import backup
from uploads_worker.keyring import KeyDestroyed, Keyring


@pytest.fixture
def operator(tmp_path: Path) -> tuple[Path, str]:
    """The operator's offline identity file, and its recipient."""
    secret, public = age_key()
    path = tmp_path / "operator.txt"
    path.write_text(f"# offline\n{secret}\n")
    return path, public


def variables(stack: Machine, public: str) -> dict[str, str]:
    return {
        "BACKUP_RECIPIENT": public,
        "KEYRING_RECOVERY_RECIPIENT": public,
        "OWNER_DATABASE_URL": stack.postgres.url("owner"),
    }


def wipe(world: World, context: Context, stack: Machine) -> None:
    """Leave an empty database and an empty store, as on a new machine."""
    world.web.dispose()
    world.owner.dispose()
    context.sessions.kw["bind"].dispose()
    with world.owner.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    for key in {one.key for one in context.objects.list_sealed()}:
        context.objects.destroy_sealed(key)
    for key in {one.key for one in context.objects.list_releases()}:
        context.objects.destroy_release(key)
    assert stack


def test_yesterdays_backup_brings_back_nothing_that_was_destroyed(
    world: World, context: Context, stack: Machine, tmp_path: Path, operator: tuple[Path, str]
) -> None:
    """SECURITY 51, C-24, C-75, S-056, S-062, H4: timed; holds, seats and ways in are right too."""
    identity, public = operator
    person = world.person()
    kept, ended, closed = (submit(world, context) for _ in range(3))
    registration, withdrawn = person.submitted(kept.slug)
    held = submit(world, context)
    clerks = [colleague(world, Role.SERVICE) for _ in range(2)]
    with world.session() as session:
        grant_id = grant(session, Role.SERVICE, Scenario.RIGHTS).id
        slow = changes.ask(
            session, clerks[0].actor, person.account_id, kind=ChangeKind.FACTOR,
            proof="in_person", checked=["id_document"],
        )  # fmt: skip
        changes.confirm(session, world.settings, clerks[1].actor, slow.id)
    shelf = tmp_path / "shelf"
    began = time.monotonic()
    done = command(stack, "backup", str(shelf), **variables(stack, public))
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = shelf.iterdir()
    assert {path.suffix for path in folder.iterdir()} == {".age", ".json"}
    raw = b"".join(path.read_bytes() for path in folder.iterdir())
    for secret in (b"heyan_worker", b"CREATE TABLE", id_number().encode()):
        assert secret not in raw

    # A day of destruction after it, and an order to keep.
    assert person.post(f"/registrations/{registration}/withdraw").status_code == 303
    destruction.destroy_document(context, uuid.UUID(withdrawn))
    over = command(
        stack, "vault", "destroy", str(ended.event_id), "--yes", **variables(stack, public)
    )
    assert over.returncode == 0, over.stdout + over.stderr
    account = world.rows(
        "SELECT account_id FROM registrations WHERE id = :r", r=closed.registration_id
    )[0][0]
    with context.sessions() as session:
        retention.erase_account(context, session, account, "asked")
        session.commit()
    hold_id = hold(world, "document", held.document_id)
    sweep.sweep(context)

    wipe(world, context, stack)
    came_back = command(
        stack, "restore", str(folder), "--identity", str(identity), **variables(stack, public)
    )
    assert came_back.returncode == 0, came_back.stdout + came_back.stderr
    took = time.monotonic() - began
    assert took < 4 * 3600, "RTO of CONTROLS 5"

    # What lives opens, what was destroyed does not, whatever the bucket was given back.
    assert opened(context, kept.document_id)
    for document in (uuid.UUID(withdrawn), ended.document_id):
        with context.sessions() as session:
            row = session.get_one(Document, document)
        assert row.destroyed_at is not None
        with pytest.raises(ObjectMissing):
            context.objects.get_sealed(row.object_key)
    numbers = world.rows(
        "SELECT count(*) FROM registrations WHERE id_number_sealed IS NOT NULL AND id IN (:a, :b)",
        a=uuid.UUID(registration),
        b=ended.registration_id,
    )
    assert numbers[0][0] == 0
    gone = world.rows(
        "SELECT name, login_index = uuid_send(id) FROM accounts WHERE id = :a", a=account
    )
    assert tuple(gone[0]) == (None, True)
    # The keyring's copy in the backup was rewritten: the event's key is in none.
    (copy,) = folder.glob("keyring-*.age")
    revived = tmp_path / "revived"
    keyring_copies.restore(copy, identity, revived)
    key_id = world.rows("SELECT key_id FROM vault_keys WHERE event_id = :e", e=ended.event_id)[0][0]
    passphrase = Path(stack.variables.worker()["KEYRING_PASSPHRASE_FILE"]).read_text().strip()
    with pytest.raises(KeyDestroyed):
        Keyring.open(revived, passphrase).vault_private_key(key_id)
    # The order of after the backup holds; nobody is signed in; seats are counted anew.
    assert world.rows("SELECT released_at FROM legal_holds WHERE id = :h", h=hold_id)[0][0] is None
    assert world.rows("SELECT count(*) FROM login_sessions")[0][0] == 0
    # What people may have stopped since goes no further.
    (stopped,) = world.rows("SELECT ended_at FROM account_changes WHERE id = :c", c=slow.id)
    assert stopped.ended_at is not None
    (ended_grant,) = world.rows("SELECT status FROM standing_grants WHERE id = :g", g=grant_id)
    assert ended_grant.status == "revoked"
    seats = world.rows("SELECT seats_taken FROM events WHERE id = :e", e=kept.event_id)
    assert seats[0][0] == 1
    assert audit_of(world, "backup.restore")
    # A second time it refuses: the database is not empty.
    again = command(
        stack, "restore", str(folder), "--identity", str(identity), **variables(stack, public)
    )
    assert again.returncode == 1
    assert "not empty" in again.stdout


def test_a_lost_medium_opens_nothing_and_a_changed_one_is_refused(
    world: World, context: Context, stack: Machine, tmp_path: Path, operator: tuple[Path, str]
) -> None:
    """C-75: without the operator's identity nothing opens; one flipped bit is named."""
    submit(world, context)
    _identity, public = operator
    done = command(stack, "backup", str(tmp_path / "s"), **variables(stack, public))
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = (tmp_path / "s").iterdir()
    public_key = context.keyring.root.public_key()
    assert backup.read_manifest(folder, public_key)["objects"] > 0
    body = bytearray((folder / "objects.age").read_bytes())
    body[-20] ^= 1
    (folder / "objects.age").write_bytes(body)
    with pytest.raises(backup.BackupFailed, match=r"objects\.age"):
        backup.read_manifest(folder, public_key)
    (folder / "manifest.json").write_text("{}")
    with pytest.raises(backup.BackupFailed, match="manifest"):
        backup.read_manifest(folder, public_key)


def test_a_restore_that_cannot_be_whole_changes_nothing(
    world: World, context: Context, stack: Machine, tmp_path: Path, operator: tuple[Path, str]
) -> None:
    """H4, C-75: another's identity, a changed part, a half-written target: refused untouched."""
    case = submit(world, context)
    identity, public = operator
    shelf = tmp_path / "shelf"
    done = command(stack, "backup", str(shelf), **variables(stack, public))
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = shelf.iterdir()
    wipe(world, context, stack)

    def restored(whose: Path, backup_folder: Path = folder, **more: str) -> tuple[int, str]:
        ran = command(
            stack, "restore", str(backup_folder), "--identity", str(whose),
            **{**variables(stack, public), **more},
        )  # fmt: skip
        return ran.returncode, ran.stdout + ran.stderr

    def untouched() -> bool:
        tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        empty = world.rows(tables)[0][0] == 0
        return empty and not list(context.objects.list_sealed())

    # Another's key.
    stranger = tmp_path / "stranger.txt"
    stranger.write_text(f"{age_key()[0]}\n")
    code, said = restored(stranger)
    assert code == 1
    assert "does not open" in said
    assert untouched()
    # One changed bit, also on a machine whose keyring is to come from the backup.
    changed = tmp_path / "changed" / folder.name
    shutil.copytree(folder, changed)
    body = bytearray((changed / "objects.age").read_bytes())
    body[-20] ^= 1
    (changed / "objects.age").write_bytes(body)
    anew = tmp_path / "elsewhere" / "keyring.json"
    for more in ({}, {"KEYRING": str(anew)}):
        code, said = restored(identity, changed, **more)
        assert code == 1
        assert "objects.age is not what was backed up" in said
        assert untouched()
        assert not anew.exists()
    # Half of another restore: objects that nobody cleared away, then a table.
    context.objects.put_sealed("d/left-over", b"of an earlier try")
    code, said = restored(identity)
    assert code == 1
    assert "the object store is not empty" in said
    context.objects.destroy_sealed("d/left-over")
    with world.owner.begin() as owner:
        owner.execute(text("CREATE TABLE half (id int)"))
    code, said = restored(identity)
    assert code == 1
    assert "the database is not empty" in said
    with world.owner.begin() as owner:
        owner.execute(text("DROP TABLE half"))
    assert untouched()
    # And then all of it comes back, in the time that is promised.
    began = time.monotonic()
    code, said = restored(identity)
    assert code == 0, said
    assert opened(context, case.document_id)
    assert time.monotonic() - began < 4 * 3600, "RTO of CONTROLS 5"


def test_backups_without_a_recipient_are_refused(stack: Machine, tmp_path: Path) -> None:
    done = command(stack, "backup", str(tmp_path / "s"))
    assert done.returncode == 1
    assert "BACKUP_RECIPIENT" in done.stdout


def test_the_copy_of_a_backup_that_is_over_leaves_the_list_with_it(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S-056, Q19: wherever the command is given from, no copy stays listed that is gone."""
    old = tmp_path / (clocks.now() - timedelta(days=40)).strftime(backup.NAME)
    old.mkdir()
    copy = keyring_copies.make(context.keyring, old, age_key()[1])
    monkeypatch.chdir(tmp_path)
    assert backup.prune(context, Path()) == [old.name]
    assert str(copy) not in {one.path for one in context.keyring.copies()}


def test_fourteen_days_and_five_weeks_are_kept_and_none_beyond_35_days(
    context: Context, tmp_path: Path, clock: Clock
) -> None:
    """CONTROLS 5, S-056."""
    now = clocks.now()
    for days in range(60):
        (tmp_path / (now - timedelta(days=days, hours=1)).strftime(backup.NAME)).mkdir()
    (tmp_path / "something else").mkdir()
    backup.prune(context, tmp_path)
    left = sorted(
        (now - at).days for path in tmp_path.iterdir() if (at := backup.taken_at(path)) is not None
    )
    assert left[:14] == list(range(14))
    assert max(left) <= 35
    assert len(left) in (16, 17, 18)
    assert (tmp_path / "something else").is_dir()
    clock.move(timedelta(days=40))
    backup.prune(context, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["something else"]
