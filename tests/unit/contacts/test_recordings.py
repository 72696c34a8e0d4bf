"""Recordings of calls: streamed in, sealed in parts, opened by the worker alone, ended in time."""

from __future__ import annotations

import hashlib
import io
import sys
import tracemalloc
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from heyan.access import Role
from heyan.app import build
from heyan.contacts import recordings, service
from heyan.contacts.models import ContactOutcome
from heyan.contacts.vault import RECORDING_PART, sealing_key
from heyan.custody.audio import FORMATS
from heyan.custody.sealing import UntrustedVaultKey
from tests.accounts import quick
from tests.conftest import Clock
from tests.contacts import LOG, act, attach, entry, sound
from tests.enrolment import World, words_of
from tests.staff import Colleague, colleague
from tests.worker import audit_of
from uploads_worker import contacts as contacts_end
from uploads_worker import reconcile
from uploads_worker import recordings as worker
from uploads_worker.context import Context
from uploads_worker.keyring import KeyDestroyed
from uploads_worker.opening import OpeningFailed
from uploads_worker.sweep import BROOMS

MIB = 1024 * 1024
pytestmark = pytest.mark.usefixtures("keys")


@pytest.fixture
def keys(context: Context) -> None:
    """This month's and the next month's keys."""
    worker.provision(context)


def agreed(clerk: Colleague, **fields: str) -> uuid.UUID:
    """A call in which somebody agreed to being recorded."""
    return entry(clerk, consent="given", **fields)


def kept(world: World, contact: uuid.UUID) -> uuid.UUID:
    """The one recording of an entry."""
    (row,) = world.rows("SELECT id FROM recordings WHERE contact_id = :c", c=contact)
    found: uuid.UUID = row.id
    return found


def parts_of(world: World, recording: uuid.UUID) -> list[str]:
    """The names of a recording's parts in the store."""
    rows = world.rows(
        "SELECT object_key FROM recording_parts WHERE recording_id = :r ORDER BY number",
        r=recording,
    )
    return [row.object_key for row in rows]


def stored(context: Context) -> set[str]:
    """The names of all parts in the store."""
    return {one.key for one in context.objects.list_sealed(f"{recordings.PREFIX}/")}


def with_settings(world: World, clerk: Colleague, **changes: object) -> Colleague:
    """The same clerk at a site that is set otherwise."""
    site = build(quick(replace(world.settings, **changes)))  # type: ignore[arg-type]
    client = site.test_client()
    client.set_cookie("heyan_session", clerk.token, domain="localhost")
    return Colleague(client, clerk.account_id, clerk.token, clerk.role)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_kind_of_recording_is_told_by_its_content(
    world: World, context: Context, clerk: Colleague, kind: str
) -> None:
    """D2, C-14: S-022: whatever the name says; what the worker opens is what was attached."""
    call = agreed(clerk)
    data = sound(kind, 3000)
    assert attach(clerk, call, data, name="photo.jpg").status_code == 303
    (row,) = world.rows("SELECT * FROM recordings WHERE contact_id = :c", c=call)
    assert (row.format, row.plain_bytes, row.part_count) == (kind, len(data), 1)
    assert b"".join(worker.open_recording(context, row.id)) == data
    assert audit_of(world, "recordings.attached", row.id)[0]["bytes"] == len(data)
    page = clerk.get(f"{LOG}/{call}").text
    assert kind.upper() in page
    assert "photo.jpg" not in page


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "这个文件不是录音"),
        (b"#!AMR\n", "这个文件不是录音"),
        (b"\x89PNG\r\n\x1a\n" + bytes(900), "这个文件不是录音"),
        (b"<html><script>" + bytes(900), "这个文件不是录音"),
        (b"#!/bin/sh\nrm -rf /\n" + bytes(900), "这个文件不是录音"),
        (b"OggS\0\x02" + bytes(20) + b"\x01\x2a\x80theora" + bytes(900), "这个文件不是录音"),
        (b"\0\0\0\x1cftypheic" + bytes(900), "这个文件不是录音"),
        (b"RIFF\0\0\0\0WEBP" + bytes(900), "这个文件不是录音"),
    ],
)
def test_what_is_no_recording_is_refused_with_advice(
    world: World, context: Context, clerk: Colleague, data: bytes, said: str
) -> None:
    """C-14, C-02: whatever its name; nothing of it is in the store or the log."""
    call, before = agreed(clerk), stored(context)
    sent = attach(clerk, call, data, name="call.mp3")
    assert sent.status_code == 422
    assert said in sent.text
    assert world.rows("SELECT 1 FROM recordings WHERE contact_id = :c", c=call) == []
    assert stored(context) == before


def test_a_recording_of_many_parts_comes_back_whole(
    world: World, context: Context, clerk: Colleague
) -> None:
    """D2, DESIGN 2: parts of 8 MiB, also where the end falls on a part's; each its own object."""
    for size in (RECORDING_PART * 2, RECORDING_PART * 2 + 1):
        call, data = agreed(clerk), sound("wav", size)
        assert attach(clerk, call, data).status_code == 303
        recording = kept(world, call)
        assert len(parts_of(world, recording)) == (2 if size % RECORDING_PART == 0 else 3)
        digest = hashlib.sha256()
        for piece in worker.open_recording(context, recording):
            assert len(piece) <= RECORDING_PART
            digest.update(piece)
        assert digest.digest() == hashlib.sha256(data).digest()


def test_a_part_opens_in_its_own_place_alone(
    world: World, context: Context, clerk: Colleague
) -> None:
    """SECURITY 11, C-22: parts changed about, cut off or of another recording do not open."""
    size = RECORDING_PART + 9
    calls = [agreed(clerk), agreed(clerk)]
    for call in calls:
        assert attach(clerk, call, sound("wav", size)).status_code == 303
    one, other = (kept(world, call) for call in calls)
    columns = "object_key, object_version, ciphertext_sha256, commitment"
    saved = world.rows(
        f"SELECT number, {columns} FROM recording_parts WHERE recording_id = :r ORDER BY number",
        r=one,
    )
    theirs = world.rows(
        f"SELECT {columns} FROM recording_parts WHERE recording_id = :r AND number = 0", r=other
    )

    def put(number: int, row: object) -> None:
        with world.owner.begin() as connection:
            connection.execute(
                text(
                    "UPDATE recording_parts SET object_version = :v, ciphertext_sha256 = :s,"
                    " commitment = :c, object_key = :k WHERE recording_id = :r AND number = :n"
                ),
                {
                    "r": one,
                    "n": number,
                    "k": row.object_key,  # type: ignore[attr-defined]
                    "v": row.object_version,  # type: ignore[attr-defined]
                    "s": row.ciphertext_sha256,  # type: ignore[attr-defined]
                    "c": row.commitment,  # type: ignore[attr-defined]
                },
            )

    def opens() -> bool:
        try:
            list(worker.open_recording(context, one))
        except OpeningFailed:
            return False
        return True

    assert opens()
    with world.owner.begin() as connection:
        connection.execute(
            text("DELETE FROM recording_parts WHERE recording_id = :r AND number = 1"), {"r": one}
        )
        connection.execute(text("UPDATE recordings SET part_count = 1 WHERE id = :r"), {"r": one})
    assert not opens(), "cut short"
    with world.owner.begin() as connection:
        connection.execute(
            text("DELETE FROM recording_parts WHERE recording_id = :r"), {"r": other}
        )
    put(0, theirs[0])
    assert not opens(), "of another recording"
    put(0, saved[1])
    assert not opens(), "in another place"


def test_a_recording_too_large_is_refused_before_and_while_it_comes(
    world: World, clerk: Colleague
) -> None:
    """D2, C-03: 200 MB by setting; said with the limit, whatever the length claims."""
    small = with_settings(world, clerk, max_recording_bytes=MIB)
    call = agreed(clerk)
    by_length = attach(small, call, sound("wav", 3 * MIB))
    assert by_length.status_code == 413
    assert "超过了 1 MB 的上限" in by_length.text
    # Beside the slack of a form the length says nothing: it is counted while it comes.
    by_count = attach(small, call, sound("wav", MIB + 1000))
    assert by_count.status_code == 413
    assert world.rows("SELECT 1 FROM recordings WHERE contact_id = :c", c=call) == []
    assert attach(small, call, sound("wav", MIB)).status_code == 303
    assert world.settings.max_recording_bytes == 200 * MIB


def test_who_refuses_is_served_without_a_recording(world: World, clerk: Colleague) -> None:
    """S-025, D2, A7: attaching answers 409, and the log says how the person was served."""
    refused, unasked = entry(clerk, consent="refused"), entry(clerk)
    sent = attach(clerk, refused, sound())
    assert sent.status_code == 409
    assert "不录音的情况下服务" in words_of(sent)
    assert audit_of(world, "contacts.recording_consent", refused)[0]["served_without_recording"]
    sent = attach(clerk, unasked, sound())
    assert sent.status_code == 409
    assert "请先在下面记录对方的意思" in words_of(sent)
    letter = entry(clerk, channel="letter", consent="given")
    assert attach(clerk, letter, sound()).status_code == 409
    assert (
        world.rows(
            "SELECT 1 FROM recordings WHERE contact_id IN (:a, :b, :c)",
            a=refused,
            b=unasked,
            c=letter,
        )
        == []
    )


def test_consent_taken_back_destroys_at_once(
    world: World, context: Context, clerk: Colleague
) -> None:
    """A7, H2: also in a dispute; all versions of all parts, proven, with a tombstone."""
    call = agreed(clerk, kind="dispute")
    assert attach(clerk, call, sound()).status_code == 303
    recording = kept(world, call)
    (name,) = parts_of(world, recording)
    act(clerk, call, "consent", consent="refused", way="spoken")
    (job,) = world.rows(
        "SELECT args FROM procrastinate_jobs WHERE task_name = 'destroy_recording'"
        " AND args ->> 'recording_id' = :r",
        r=str(recording),
    )
    assert set(job.args) == {"recording_id"}
    assert worker.destroy_recording(context, recording)
    assert name not in stored(context)
    (row,) = world.rows("SELECT state, destroyed_at FROM recordings WHERE id = :r", r=recording)
    assert row.state == "destroyed"
    assert not worker.destroy_recording(context, recording)
    with pytest.raises(worker.RecordingGone):
        list(worker.open_recording(context, recording))
    assert world.rows("SELECT 1 FROM tombstones WHERE subject_id = :r", r=str(recording))


def test_a_recording_ends_after_180_days_and_a_disputes_after_three_years(
    world: World, context: Context, clerk: Colleague, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CONTROLS 5, H2: an open dispute keeps its recording; closing counts three years from then."""
    plain, dispute = agreed(clerk), agreed(clerk, kind="dispute")
    for call in (plain, dispute):
        assert attach(clerk, call, sound()).status_code == 303
    ids = [kept(world, call) for call in (plain, dispute)]
    (due,) = world.rows(
        "SELECT destroy_due_at - received_at AS d FROM recordings WHERE id = :r", r=ids[0]
    )
    assert due.d == timedelta(days=180)

    def at(days: int) -> None:
        monkeypatch.setenv("HEYAN_CLOCK_OFFSET", str(days * 86400))

    def states() -> list[str]:
        return [
            world.rows("SELECT state FROM recordings WHERE id = :r", r=one)[0].state for one in ids
        ]

    at(179)
    worker.expire(context)
    assert states() == ["sealed", "sealed"]
    at(181)
    worker.expire(context)
    assert states() == ["destroyed", "sealed"]
    at(4 * 365)
    worker.expire(context)
    assert states() == ["destroyed", "sealed"], "an open dispute keeps it"
    contacts_end.expire(context)
    assert world.rows("SELECT 1 FROM contacts WHERE id = :c", c=plain) == []
    assert world.rows("SELECT 1 FROM contacts WHERE id = :c", c=dispute)
    with world.session() as session:
        service.close(session, clerk.actor, dispute, ContactOutcome.AGREED, "")
    at(4 * 365 + 3 * 365 - 1)
    worker.expire(context)
    assert states() == ["destroyed", "sealed"]
    at(4 * 365 + 3 * 365 + 1)
    worker.expire(context)
    assert states() == ["destroyed", "destroyed"]
    contacts_end.expire(context)
    assert world.rows("SELECT 1 FROM contacts WHERE id = :c", c=dispute) == []


def test_a_sender_who_breaks_off_leaves_nothing_visible(
    world: World, context: Context, clerk: Colleague, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN 2 rule 6, SECURITY 49: parts without a row, which the sweep removes a day later."""
    call, before = agreed(clerk), stored(context)

    def broken() -> object:
        yield sound("wav", RECORDING_PART + 70)
        raise ConnectionError("the sender went away")

    with world.session() as session, pytest.raises(ConnectionError):
        recordings.attach(
            session,
            world.settings,
            clerk.actor,
            world.app.extensions["heyan"].objects,
            sealing_key(session, world.settings.root_public_key),
            call,
            uuid.uuid4().hex,
            broken(),  # type: ignore[arg-type]
        )
    left = stored(context) - before
    assert len(left) == 1
    assert world.rows("SELECT 1 FROM recordings WHERE contact_id = :c", c=call) == []
    worker.remove_orphans(context)
    assert left <= stored(context), "it may still wait for its row"
    monkeypatch.setenv("HEYAN_CLOCK_OFFSET", str(25 * 3600))
    worker.remove_orphans(context)
    assert not left & stored(context)


def test_living_parts_are_no_orphans(
    world: World, context: Context, clerk: Colleague, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN 2 rule 6: neither sweep takes what a row names."""
    call = agreed(clerk)
    assert attach(clerk, call, sound()).status_code == 303
    names = set(parts_of(world, kept(world, call)))
    monkeypatch.setenv("HEYAN_CLOCK_OFFSET", str(26 * 3600))
    BROOMS["orphans"](context)
    BROOMS["recording_orphans"](context)
    assert names <= stored(context)


def test_the_same_form_twice_makes_one_recording(world: World, clerk: Colleague) -> None:
    """SECURITY 9: the token of the form counts."""
    call, token = agreed(clerk), uuid.uuid4().hex
    for _try in range(2):
        assert attach(clerk, call, sound(), token=token).status_code == 303
    kept(world, call)


def test_a_recording_needs_the_forms_own_token(world: World, clerk: Colleague) -> None:
    """SECURITY 32: refused before a byte of the file is taken; another site's page too."""
    call = agreed(clerk)
    body = {"csrf_token": "x", "upload_token": "y" * 20, "file": (io.BytesIO(sound()), "a")}
    sent = clerk.client.post(f"{LOG}/{call}/recordings", data=body)
    assert sent.status_code in (400, 403)
    foreign = attach(clerk, call, sound(), **{"Sec-Fetch-Site": "cross-site"})
    assert foreign.status_code in (400, 403)
    first = {"file": (io.BytesIO(sound()), "a"), "upload_token": "y" * 20}
    assert clerk.client.post(f"{LOG}/{call}/recordings", data=first).status_code in (400, 403)
    assert clerk.client.post(f"{LOG}/{call}/recordings", data={"a": "b"}).status_code == 400
    assert world.rows("SELECT 1 FROM recordings WHERE contact_id = :c", c=call) == []


SCANNER = "import sys; data = sys.stdin.buffer.read(); sys.exit({})"


@pytest.mark.parametrize(
    ("command", "status", "said"),
    [
        (SCANNER.format("1 if b'EICAR' in data else 0"), 422, "扫描程序认为这个文件有问题"),
        (SCANNER.format("2"), 503, "扫描程序没有回应"),
        ("raise SystemExit(7)", 503, "扫描程序没有回应"),
    ],
)
def test_a_scanner_that_objects_or_fails_keeps_the_file_out(
    world: World, clerk: Colleague, command: str, status: int, said: str
) -> None:
    """C-14: ASVS 5.4.3: it fails closed, and a clean file passes."""
    program = f'{sys.executable} -c "{command}"'
    guarded = with_settings(world, clerk, scan_command=program)
    call = agreed(clerk)
    sent = attach(guarded, call, sound("wav", 2 * MIB) + b"EICAR")
    assert sent.status_code == status
    assert said in sent.text
    assert world.rows("SELECT 1 FROM recordings WHERE contact_id = :c", c=call) == []
    if status == 422:
        assert attach(guarded, call, sound("wav", 2 * MIB)).status_code == 303


def test_a_scanner_that_is_not_there_keeps_the_file_out(world: World, clerk: Colleague) -> None:
    """C-14: a wrong command refuses every file instead of passing it."""
    guarded = with_settings(world, clerk, scan_command="/nowhere/scanner")
    assert attach(guarded, agreed(clerk), sound()).status_code == 503


def test_a_key_that_the_root_did_not_sign_is_refused(world: World, clerk: Colleague) -> None:
    """SECURITY 12, C-17: then nothing is taken, and the page says what to do."""
    call = agreed(clerk)
    with world.owner.begin() as connection:
        connection.exec_driver_sql("UPDATE recording_keys SET signature = signature || '\\x00'")
    try:
        with world.session() as session, pytest.raises(UntrustedVaultKey):
            sealing_key(session, world.settings.root_public_key)
        sent = attach(clerk, call, sound())
        assert sent.status_code == 503
        assert "请一分钟后再试" in sent.text
    finally:
        with world.owner.begin() as connection:
            connection.exec_driver_sql(
                "UPDATE recording_keys SET signature = substring(signature FOR 64)"
            )
    assert attach(clerk, call, sound()).status_code == 303


def test_a_months_key_dies_when_its_recordings_are_gone(
    world: World, context: Context, clerk: Colleague, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SECURITY 15, C-24: not before the last of them; then nothing sealed to it opens again."""
    monkeypatch.setenv("HEYAN_CLOCK_OFFSET", str(400 * 86400))
    assert worker.provision(context) == 2
    assert worker.provision(context) == 0
    later = colleague(world, Role.SERVICE)
    call = agreed(later)
    assert attach(later, call, sound()).status_code == 303
    recording = kept(world, call)
    (row,) = world.rows("SELECT key_id FROM recordings WHERE id = :r", r=recording)
    monkeypatch.setenv("HEYAN_CLOCK_OFFSET", str((400 + 31 + 182) * 86400))
    worker.destroy_keys(context)
    assert context.keyring.vault_private_key(row.key_id), "a recording lives"
    worker.expire(context)
    worker.destroy_keys(context)
    with pytest.raises(KeyDestroyed):
        context.keyring.vault_private_key(row.key_id)
    (key,) = world.rows("SELECT status FROM recording_keys WHERE key_id = :k", k=row.key_id)
    assert key.status == "destroyed"


def test_the_script_hears_why_as_json(clerk: Colleague) -> None:
    """D2: the page with a script shows progress, and the same words."""
    call = agreed(clerk)
    sent = attach(clerk, call, bytes(500), Accept="application/json")
    assert sent.status_code == 422
    assert "这个文件不是录音" in sent.get_json()["errors"]["file"][0]
    sent = attach(clerk, call, sound(), Accept="application/json")
    assert sent.get_json()["redirect"] == f"{LOG}/{call}"


def test_two_hundred_megabytes_pass_through_little_memory(
    world: World, context: Context, clerk: Colleague
) -> None:
    """D2, C-63: the largest recording is never whole in memory, going in or coming out."""
    call, piece = agreed(clerk), bytes(range(256)) * 256
    count = world.settings.max_recording_bytes // len(piece) - 1
    digest = hashlib.sha256()

    def stream() -> Iterator[bytes]:
        nonlocal digest
        head = sound("wav", len(piece))
        digest = hashlib.sha256(head)
        yield head
        for _number in range(count):
            digest.update(piece)
            yield piece

    with world.session() as session:
        key = sealing_key(session, world.settings.root_public_key)
        tracemalloc.start()
        try:
            recording = recordings.attach(
                session,
                world.settings,
                clerk.actor,
                world.app.extensions["heyan"].objects,
                key,
                call,
                uuid.uuid4().hex,
                stream(),
            )
            opened = hashlib.sha256()
            for part in worker.open_recording(context, recording):
                opened.update(part)
            _now, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert opened.digest() == digest.digest()
    assert peak < 80 * MIB, f"{peak / MIB:.0f} MiB at the peak"


def test_a_lost_changed_or_unknown_part_is_reported(
    world: World, context: Context, clerk: Colleague, clock: Clock
) -> None:
    """S-090: parts of recordings as documents are; a lost row, a lost object, one of nobody's."""
    found = []
    for _each in range(4):
        call = agreed(clerk)
        assert attach(clerk, call, sound("mp3", RECORDING_PART + 100)).status_code == 303
        found.append(kept(world, call))
    good, gone, flipped, short = found
    lost = parts_of(world, gone)[1]
    context.objects.destroy_sealed(lost)
    touched = parts_of(world, flipped)[0]
    data = bytearray(context.objects.get_sealed(touched))
    data[200] ^= 1
    context.objects.destroy_sealed(touched)
    context.objects.put_sealed(touched, bytes(data))
    unknown = parts_of(world, short)[1]
    with world.owner.begin() as connection:
        connection.execute(
            text("UPDATE recording_parts SET object_version = NULL WHERE object_key = :k"),
            {"k": touched},
        )
        connection.execute(
            text("DELETE FROM recording_parts WHERE object_key = :k"), {"k": unknown}
        )
    clock.move(timedelta(hours=context.settings.orphan_hours + 4))
    result = reconcile.reconcile(context)
    assert result["missing"] >= 2
    assert result["changed"] >= 1
    assert audit_of(world, "recordings.reconcile", good) == []
    (said,) = audit_of(world, "recordings.reconcile", gone)
    assert (said["fault"], said["part"]) == ("missing", 1)
    (said,) = audit_of(world, "recordings.reconcile", flipped)
    assert (said["fault"], said["part"]) == ("changed", 0)
    assert audit_of(world, "recordings.reconcile", short)[0]["fault"] == "missing"
    assert audit_of(world, "objects.unknown", unknown)
    assert worker.remove_orphans(context) >= 1
