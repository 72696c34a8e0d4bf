"""Custody under attack: moved, changed and forged things; rights; pins (SECURITY 10 to 17)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import inspect
import re
import subprocess
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from deploy.local.machine import Machine
from heyan import clock, db
from heyan.custody import sealing
from heyan.custody.objects import ObjectStore, ObjectStoreError
from heyan.custody.sealing import SUITES, SealContext, VaultPublicKey, seal, vault_key_id
from heyan.documents.models import Document
from heyan.releases.fingerprint import recipient_fingerprint
from heyan.releases.models import Recipient, RecipientStatus
from tests.enrolment import World, id_number, picture
from tests.worker import age_key, audit_of, command, submit
from uploads_worker import inventory, opening, pinning
from uploads_worker.context import Context
from uploads_worker.opening import PRIVATE_SUITES, OpeningFailed, generate_vault_key, open_sealed

# --- sealing ---------------------------------------------------------------------------------


def made() -> tuple[bytes, VaultPublicKey, SealContext]:
    """Return a private key, its public half, and where something is sealed."""
    private, public = generate_vault_key()
    where = SealContext(uuid.uuid4(), uuid.uuid4(), uuid.uuid4(), "id_card_front")
    now = datetime.now(UTC)
    key = VaultPublicKey(
        vault_key_id(public), where.event_id, 3, 1, public, now, now + timedelta(days=1), b""
    )
    return private, key, where


CHANGES: dict[str, Callable[[SealContext], SealContext]] = {
    "event": lambda where: replace(where, event_id=uuid.uuid4()),
    "registration": lambda where: replace(where, registration_id=uuid.uuid4()),
    "document": lambda where: replace(where, document_id=uuid.uuid4()),
    "kind": lambda where: replace(where, kind="id_card_back"),
    "version": lambda where: replace(where, version=2),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_ciphertext_opens_only_where_it_belongs(name: str) -> None:
    """C-15."""
    private, key, where = made()
    sealed = seal(b"picture", key, where)
    facts = {"sha256": sealed.sha256, "commitment": sealed.commitment}
    assert open_sealed(sealed.ciphertext, private_key=private, context=where, **facts) == b"picture"
    with pytest.raises(OpeningFailed):
        open_sealed(sealed.ciphertext, private_key=private, context=CHANGES[name](where), **facts)


def test_no_bit_can_change_and_every_failure_looks_the_same() -> None:
    """C-15, C-22, SECURITY 14: header (suite, version, key id), encapsulation, text, tag."""
    private, key, where = made()
    sealed = seal(b"picture" * 40, key, where)
    said = set()
    for at in [*range(40), *range(40, len(sealed.ciphertext), 97), len(sealed.ciphertext) - 1]:
        changed = bytearray(sealed.ciphertext)
        changed[at] ^= 1 << (at % 8)
        with pytest.raises(OpeningFailed) as caught:
            open_sealed(
                bytes(changed),
                private_key=private,
                context=where,
                # Even if who changed it can change the row too.
                sha256=hashlib.sha256(changed).digest(),
                commitment=sealed.commitment,
            )
        said.add((str(caught.value), caught.value.__cause__))
    other, _public = generate_vault_key()
    for facts in (
        {"private_key": other, "sha256": sealed.sha256, "commitment": sealed.commitment},
        {"private_key": b"", "sha256": sealed.sha256, "commitment": sealed.commitment},
        {"private_key": private, "sha256": bytes(32), "commitment": sealed.commitment},
        {"private_key": private, "sha256": sealed.sha256, "commitment": bytes(32)},
    ):
        with pytest.raises(OpeningFailed) as caught:
            open_sealed(sealed.ciphertext, context=where, **facts)
        said.add((str(caught.value), caught.value.__cause__))
    assert len(said) == 1


def test_digests_are_compared_in_constant_time() -> None:
    """C-22: compare_digest everywhere."""
    for module in (opening, sealing):
        source = inspect.getsource(module)
        assert "compare_digest" in source
        assert "digest() ==" not in source


def test_an_unknown_suite_is_refused() -> None:
    """C-20."""
    private, key, where = made()
    with pytest.raises(sealing.UntrustedVaultKey):
        seal(b"x", replace(key, suite=99), where)
    sealed = seal(b"x", key, where)
    strange = bytearray(sealed.ciphertext)
    strange[4:6] = (99).to_bytes(2, "big")
    with pytest.raises(OpeningFailed):
        open_sealed(
            bytes(strange),
            private_key=private,
            context=where,
            sha256=hashlib.sha256(strange).digest(),
            commitment=sealed.commitment,
        )


def test_the_inventory_says_what_the_code_does(context: Context) -> None:
    """C-20: inventory equals code."""
    found = inventory.inventory(context.keyring)
    assert {one["number"] for one in found["sealing"]} == set(SUITES) == set(PRIVATE_SUITES)
    assert all(one["opens"] for one in found["sealing"])
    assert {one["key_id"] for one in found["vault_keys"]} == {
        one.key_id for one in context.keyring.vault_keys()
    }
    written = {
        name
        for folder in ("site/heyan", "uploads_worker")
        for path in Path(folder).rglob("*.py")
        for name in re.findall(r"application/vnd\.heyan\.[a-z-]+\+json", path.read_text("utf-8"))
    }
    assert set(found["signatures"]["types"]) == written
    shown = str(found)
    root = context.keyring.root.private_bytes_raw()
    assert root.hex() not in shown
    assert base64.b64encode(root).decode() not in shown


# --- rows and objects ------------------------------------------------------------------------


def opens(context: Context, document_id: uuid.UUID) -> bytes:
    """Open a document by what its row says."""
    with context.sessions() as session:
        row = session.get_one(Document, document_id)
    return open_sealed(
        context.objects.get_sealed(row.object_key),
        private_key=context.keyring.vault_private_key(row.vault_key_id),
        context=SealContext(row.event_id, row.registration_id, row.id, row.kind.value),
        sha256=bytes(row.ciphertext_sha256),
        commitment=bytes(row.commitment),
    )


@pytest.mark.parametrize(
    "columns",
    ["object_key", "object_key, ciphertext_sha256, commitment", "ciphertext_sha256", "commitment"],
)
def test_two_documents_that_change_places_both_fail(
    world: World, context: Context, columns: str
) -> None:
    """SECURITY 11: swapped ciphertexts, or swapped references, even with all their digests."""
    one = submit(world, context)
    _registration, other = world.person().submitted(one.slug)
    names = [name.strip() for name in columns.split(",")]
    rows = world.rows(
        f"SELECT id, {columns} FROM documents WHERE id IN (:a, :b)", a=one.document_id, b=other
    )
    (first, second) = rows
    with world.owner.begin() as connection:
        if "object_key" in names:
            connection.execute(
                text("UPDATE documents SET object_key = id::text WHERE id IN (:a, :b)"),
                {"a": first[0], "b": second[0]},
            )
        for row, given in ((first, second), (second, first)):
            values = {f"v{n}": value for n, value in enumerate(given[1:])}
            setting = ", ".join(f"{name} = :v{n}" for n, name in enumerate(names))
            connection.execute(
                text(f"UPDATE documents SET {setting} WHERE id = :id"), {**values, "id": row[0]}
            )
    for document in (one.document_id, uuid.UUID(other)):
        with pytest.raises(OpeningFailed):
            opens(context, document)


@pytest.mark.parametrize("fault", ["unsigned", "of another event", "expired", "rolled back"])
def test_nothing_is_sealed_to_a_key_the_root_did_not_vouch_for(
    world: World, context: Context, fault: str
) -> None:
    """C-17, SECURITY 12."""
    event, person = world.event(with_key=False), world.person()
    world.vault_key(event.id, version=2)
    registration = person.ready(event.slug)
    with world.owner.begin() as connection:
        connection.execute(
            text("UPDATE vault_keys SET status = 'retired' WHERE event_id = :e"), {"e": event.id}
        )
    if fault == "unsigned":
        world.vault_key(event.id, version=3, root=Ed25519PrivateKey.generate())
    elif fault == "of another event":
        world.vault_key(event.id, version=3, signed_for=uuid.uuid4())
    elif fault == "expired":
        world.vault_key(event.id, version=3, not_after=clock.now() - timedelta(minutes=1))
    else:
        world.vault_key(event.id, version=1)
    sent = person.upload(registration, picture())
    assert sent.status_code in (409, 422, 503)
    count = "SELECT count(*) FROM documents WHERE registration_id = :r"
    assert world.rows(count, r=registration)[0][0] == 0


# --- rights ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET outcome = 'x'",
        "DELETE FROM audit_entries",
        "INSERT INTO audit_chain VALUES (1, 1, '', '')",
        "DELETE FROM audit_chain",
        "DELETE FROM audit_seals",
        "UPDATE consent_records SET purpose = 'x'",
        "DELETE FROM consent_records",
        "UPDATE custody_events SET at = now()",
        "DELETE FROM custody_events",
        "INSERT INTO custody_receipts VALUES (gen_random_uuid(), '', now())",
        "UPDATE decisions SET document_id = document_id",
        "DELETE FROM decisions",
        "DELETE FROM documents",
        "INSERT INTO vault_keys (key_id) VALUES ('x')",
        "UPDATE vault_keys SET status = 'active'",
        "DELETE FROM recipients",
        "INSERT INTO releases (id) VALUES (gen_random_uuid())",
        "UPDATE releases SET recipient = 'age1x'",
        "UPDATE releases SET manifest = '{}'",
        "UPDATE releases SET destroyed_at = now()",
        "UPDATE policy_drafts SET content = '{}'",
        "UPDATE organization_onboardings SET proposed_by = approved_by",
        "UPDATE service_endings SET ends_at = now()",
        "INSERT INTO ending_notices VALUES (gen_random_uuid(), gen_random_uuid(), now())",
        "UPDATE release_items SET problem = 'x'",
        "SELECT * FROM tombstones",
        "UPDATE policy_versions SET version = 'x'",
        "DELETE FROM procrastinate_jobs",
        "UPDATE procrastinate_jobs SET status = 'todo'",
        "DROP TABLE audit_entries",
        "SET ROLE heyan_worker",
        "COPY audit_entries TO PROGRAM 'cat'",
    ],
)
def test_the_webs_role_cannot(world: World, statement: str) -> None:
    """C-70, S-004: audit, ledger, receipts, keys and pins are beyond the web's own reach."""
    with world.web.connect() as connection, pytest.raises(ProgrammingError):
        connection.execute(text(statement))


def test_the_webs_s3_keys_can_only_put(world: World, context: Context) -> None:
    """C-70, SECURITY 16."""
    case = submit(world, context)
    with context.sessions() as session:
        key = session.get_one(Document, case.document_id).object_key
    web = ObjectStore.for_web(world.settings)
    attempts: list[Callable[[], object]] = [
        lambda: web.get_sealed(key),
        lambda: list(web.list_sealed()),
        lambda: web.destroy_sealed(key),
        lambda: web.put_sealed(key, b"overwritten"),
    ]
    for attempt in attempts:
        with pytest.raises(ObjectStoreError):
            attempt()
    assert opens(context, case.document_id)


# --- what can be guessed ---------------------------------------------------------------------


def everything(world: World, stack: Machine) -> bytes:
    """Return the whole database as a thief's dump has it: text, with bytes in hex."""
    dump = subprocess.run(
        ["pg_dump", "--data-only", stack.postgres.url("owner")],
        capture_output=True,
        check=False,
    )
    if dump.returncode == 0:
        return dump.stdout
    tables = world.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return "\n".join(
        str(row[0]) for table in tables for row in world.rows(f'SELECT t::text FROM "{table[0]}" t')
    ).encode()


def test_no_digest_of_a_number_or_a_picture_is_stored(
    world: World, context: Context, stack: Machine
) -> None:
    """C-18, C-19, SECURITY 10: not plain, not keyed by anything the web holds."""
    case = submit(world, context)
    dump = everything(world, stack)
    assert str(case.document_id).encode() in dump
    number, inside = id_number().encode(), opens(context, case.document_id)
    variables = stack.variables.web()
    held = [
        b"",
        base64.b64decode(variables["INDEX_KEY"]),
        base64.b64decode(variables["CONTACT_KEYS"].partition(":")[2].split(",")[0]),
        variables["SECRET_KEY"].encode(),
        variables["PASSWORD_PEPPER"].encode(),
        variables["S3_SECRET_KEY"].encode(),
        case.event_id.bytes,
        str(case.event_id).encode(),
        case.registration_id.bytes,
        str(case.registration_id).encode(),
    ]
    for value in (number, inside, number[-6:]):
        for name in ("md5", "sha1", "sha256", "sha512", "blake2b", "sha3_256"):
            for key in held:
                shapes = [
                    hashlib.new(name, key + value).digest(),
                    hashlib.new(name, value + key).digest(),
                ]
                shapes += [hmac.digest(key, value, name)] if key else []
                for digest in shapes:
                    assert digest[:12].hex().encode() not in dump
                    assert base64.b64encode(digest[:12]) not in dump
    assert number not in dump
    assert inside[len(inside) // 2 :][:24].hex().encode() not in dump


# --- pins ------------------------------------------------------------------------------------


def approved(world: World, *, status: RecipientStatus = RecipientStatus.APPROVED) -> Recipient:
    """Return a recipient that people have agreed to."""
    event = world.event(with_key=False)
    people = [world.person().account_id for _ in range(3)]
    with world.session() as session, db.transaction(session):
        row = Recipient(
            organization_id=event.organization_id,
            recipient=age_key()[1],
            purpose="primary",
            status=status,
            proposed_by=people[0],
            proposed_at=clock.now(),
            confirmed_by=people[1],
            confirmed_at=clock.now(),
            confirmed_how="phone",
            approved_by=people[2],
            approved_at=clock.now(),
        )
        session.add(row)
    return row


def test_a_pin_is_made_by_a_command_that_compares(
    world: World, context: Context, stack: Machine
) -> None:
    """C-78: only on the worker's host, only what is approved, only with the fingerprint."""
    row = approved(world)
    words = ("pin", str(row.organization_id), str(row.id))
    shown = recipient_fingerprint(row.recipient)
    assert command(stack, *words).returncode == 2
    wrong = command(stack, *words, "--yes-fingerprint", recipient_fingerprint("age1other"))
    assert wrong.returncode == 1
    assert context.keyring.recipients(row.organization_id) == ()
    done = command(stack, *words, "--yes-fingerprint", shown.upper())
    assert done.returncode == 0, done.stdout + done.stderr
    assert [pin.recipient for pin in pinning.check_pin(context, row.organization_id)] == [
        row.recipient
    ]
    assert command(stack, *words, "--yes-fingerprint", shown).returncode == 0
    assert shown in command(stack, "pins").stdout
    assert len(audit_of(world, "recipients.pin", row.id)) == 1
    assert command(stack, "unpin", str(row.organization_id), row.recipient).returncode == 0
    with pytest.raises(pinning.RecipientMismatch):
        pinning.check_pin(context, row.organization_id)


@pytest.mark.parametrize(
    "status", [RecipientStatus.PROPOSED, RecipientStatus.CONFIRMED, RecipientStatus.REVOKED]
)
def test_what_nobody_approved_is_not_pinned(
    world: World, context: Context, status: RecipientStatus
) -> None:
    """C-78."""
    row = approved(world, status=status)
    with pytest.raises(pinning.PinRefused):
        pinning.pin(
            context,
            row.organization_id,
            row.id,
            fingerprint=recipient_fingerprint(row.recipient),
        )


@pytest.mark.parametrize("change", ["another key", "a pin of its own", "one taken away"])
def test_a_recipient_changed_in_the_database_gets_nothing(
    world: World, context: Context, change: str
) -> None:
    """SECURITY 13, C-78: the worker refuses, and says so."""
    row = approved(world)
    mark = recipient_fingerprint(row.recipient)
    if change != "a pin of its own":
        pinning.pin(context, row.organization_id, row.id, fingerprint=mark)
    statement = {
        "another key": "UPDATE recipients SET recipient = :r WHERE id = :id",
        "a pin of its own": "UPDATE recipients SET status = 'pinned' WHERE id = :id AND :r <> ''",
        "one taken away": "UPDATE recipients SET status = 'revoked' WHERE id = :id AND :r <> ''",
    }[change]
    with world.owner.begin() as connection:
        connection.execute(text(statement), {"r": age_key()[1], "id": row.id})
    with pytest.raises(pinning.RecipientMismatch):
        pinning.check_pin(context, row.organization_id)
    found = audit_of(world, "releases.recipient_mismatch", row.organization_id)
    assert [one["outcome"] for one in found] == ["refused"]
