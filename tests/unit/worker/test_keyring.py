"""The keyring: encrypted, private, whole, and gone where it was destroyed."""

from __future__ import annotations

import base64
import json
import sys
import threading
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Clock
from tests.worker import age_key
from uploads_worker import keyring_copies, keyring_file
from uploads_worker.keyring import (
    CHEAP,
    STRONG,
    KeyDestroyed,
    Keyring,
    KeyringError,
    KeyringExposed,
    KeyringLocked,
    KeyUnknown,
    KmsHook,
)
from uploads_worker.opening import generate_vault_key

PASSPHRASE = "correct horse battery staple again"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys" / "keyring"


@pytest.fixture
def keyring(path: Path) -> Keyring:
    return Keyring.create(path, PASSPHRASE, kdf=CHEAP)


def add_key(keyring: Keyring, event_id: uuid.UUID | None = None, version: int = 1) -> str:
    private, public = generate_vault_key()
    name = base64.b16encode(public[:8]).decode().lower()
    keyring.add_vault_key(name, event_id or uuid.uuid4(), version, 1, private)
    return name


def test_what_goes_in_comes_out_of_the_file(keyring: Keyring, path: Path) -> None:
    """C-23, SECURITY 17."""
    event, organization = uuid.uuid4(), uuid.uuid4()
    private, _public = generate_vault_key()
    keyring.add_vault_key("00112233", event, 1, 1, private)
    keyring.pin(organization, "age1recovery", "recovery")
    keyring.pin(organization, "age1primary")
    opened = Keyring.open(path, PASSPHRASE)
    assert opened.vault_private_key("00112233") == private
    assert opened.root_public_key == keyring.root_public_key
    assert [pin.purpose for pin in opened.recipients(organization)] == ["primary", "recovery"]
    assert opened.recipients(uuid.uuid4()) == ()
    with pytest.raises(KeyUnknown):
        opened.vault_private_key("ffffffff")


def test_the_file_shows_ids_and_costs_and_nothing_else(keyring: Keyring, path: Path) -> None:
    """SECURITY 17: encrypted under a passphrase; the header names format, cost and ids."""
    name = add_key(keyring)
    keyring.pin(uuid.uuid4(), "age1somebody")
    shown = json.loads(path.read_text())
    assert shown["format"] == "heyan-keyring/1"
    assert name in shown["keys"]
    assert set(shown) == {"format", "cipher", "wrapping", "keys", "nonce", "ciphertext"}
    assert b"age1somebody" not in path.read_bytes()
    private = keyring.vault_private_key(name)
    for text in (private, base64.b64encode(private), base64.b64encode(private[:60])):
        assert text not in path.read_bytes()


def test_production_asks_for_the_full_cost() -> None:
    """CONTROLS 5: argon2id, 256 MiB, 4 passes."""
    assert (STRONG.memory_kib, STRONG.passes) == (256 * 1024, 4)


def test_a_keyring_made_cheaply_is_refused_where_it_counts(keyring: Keyring, path: Path) -> None:
    with pytest.raises(KeyringLocked, match="cheaply"):
        Keyring.open(path, PASSPHRASE, weakest=STRONG)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o700])
def test_a_looser_mode_is_refused(keyring: Keyring, path: Path, mode: int) -> None:
    """C-23."""
    path.chmod(mode)
    with pytest.raises(KeyringExposed):
        Keyring.open(path, PASSPHRASE)


def test_a_link_is_refused(keyring: Keyring, path: Path, tmp_path: Path) -> None:
    """C-23."""
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(KeyringExposed):
        Keyring.open(link, PASSPHRASE)


@pytest.mark.parametrize("passphrase", ["", "wrong", PASSPHRASE + " "])
def test_another_passphrase_opens_nothing(keyring: Keyring, path: Path, passphrase: str) -> None:
    """C-23, C-25."""
    with pytest.raises(KeyringLocked):
        Keyring.open(path, passphrase)


@pytest.mark.parametrize(
    ("field", "value"),
    [("keys", ["feedface"]), ("cipher", "none"), ("format", "heyan-keyring/0"), ("nonce", "AAAA")],
)
def test_a_changed_header_opens_nothing(
    keyring: Keyring, path: Path, field: str, value: Any
) -> None:
    """SECURITY 14."""
    shown = json.loads(path.read_text())
    shown[field] = value
    path.write_text(json.dumps(shown))
    with pytest.raises(KeyringLocked):
        Keyring.open(path, PASSPHRASE)


def test_one_flipped_bit_opens_nothing(keyring: Keyring, path: Path) -> None:
    """SECURITY 14."""
    shown = json.loads(path.read_text())
    sealed = bytearray(base64.b64decode(shown["ciphertext"]))
    sealed[len(sealed) // 2] ^= 1
    shown["ciphertext"] = base64.b64encode(bytes(sealed)).decode()
    path.write_text(json.dumps(shown))
    with pytest.raises(KeyringLocked):
        Keyring.open(path, PASSPHRASE)


def test_a_new_version_retires_the_one_before(keyring: Keyring) -> None:
    event = uuid.uuid4()
    first, second = add_key(keyring, event), add_key(keyring, event, 2)
    states = {one.key_id: one.status for one in keyring.vault_keys(event)}
    assert states == {first: "retired", second: "active"}
    assert keyring.vault_private_key(first)


def test_a_destroyed_key_is_nowhere_in_the_file_and_stays_known(
    keyring: Keyring, path: Path
) -> None:
    """SECURITY 15, C-24."""
    name = add_key(keyring)
    private = base64.b64encode(keyring.vault_private_key(name))
    other = Keyring.open(path, PASSPHRASE)
    assert keyring.destroy_vault_key(name)
    assert not keyring.destroy_vault_key(name)
    for each in (keyring, other, Keyring.open(path, PASSPHRASE)):
        with pytest.raises(KeyDestroyed):
            each.vault_private_key(name)
        assert private not in json.dumps(each._now_content()).encode()


def test_a_change_by_another_process_is_seen(keyring: Keyring, path: Path) -> None:
    other = Keyring.open(path, PASSPHRASE)
    organization = uuid.uuid4()
    other.pin(organization, "age1one")
    assert [pin.recipient for pin in keyring.recipients(organization)] == ["age1one"]


def test_many_writers_lose_nothing(keyring: Keyring, path: Path) -> None:
    """One lock: each writer reads, changes and writes the whole alone."""
    organizations = [uuid.uuid4() for _ in range(24)]

    def work(mine: list[uuid.UUID]) -> None:
        own = Keyring.open(path, PASSPHRASE)
        for one in mine:
            own.pin(one, f"age1{one.hex}")

    threads = [threading.Thread(target=work, args=(organizations[i::4],)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(keyring.all_pins()) == set(organizations)


def test_a_write_that_fails_leaves_file_and_memory_as_they_were(
    keyring: Keyring, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C-23: rewritten whole or not at all."""
    before = path.read_bytes()

    def full(*_args: Any, **_kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    organization = uuid.uuid4()
    monkeypatch.setattr("uploads_worker.keyring_file.os.fsync", full)
    with pytest.raises(OSError):
        keyring.pin(organization, "age1one")
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert keyring.recipients(organization) == ()
    assert not [one for one in path.parent.iterdir() if one.name.startswith(".keyring")]


def test_no_second_keyring_over_the_first(keyring: Keyring, path: Path) -> None:
    with pytest.raises(KeyringError):
        Keyring.create(path, PASSPHRASE, kdf=CHEAP)


def test_the_passphrase_can_be_changed(keyring: Keyring, path: Path) -> None:
    """SECURITY 17: rotation commands exist and are tested."""
    name = add_key(keyring)
    running = Keyring.open(path, PASSPHRASE)
    keyring.change_passphrase("another one that is long enough", kdf=CHEAP)
    with pytest.raises(KeyringLocked):
        Keyring.open(path, PASSPHRASE)
    assert Keyring.open(path, "another one that is long enough").vault_private_key(name)
    with pytest.raises(KeyringLocked, match="start again"):
        running.vault_private_key(name)


# --- KMS -------------------------------------------------------------------------------------

KMS = """
import base64, hashlib, json, sys
header = json.load(sys.stdin)
wrapping = header["wrapping"]
assert wrapping["name"] == "kms" and "ciphertext" not in header
key = hashlib.sha256(b"in the machine" + wrapping["id"].encode()).digest()
print(base64.b64encode(key).decode())
"""


def test_a_kms_process_can_hold_the_wrapping_key(tmp_path: Path, path: Path) -> None:
    """SECURITY 17: or come from a KMS hook."""
    script = tmp_path / "kms.py"
    script.write_text(KMS)
    hook = KmsHook(f"{sys.executable} {script}")
    name = add_key(Keyring.create(path, hook))
    assert Keyring.open(path, hook).vault_private_key(name)
    with pytest.raises(KeyringLocked, match="KMS"):
        Keyring.open(path, PASSPHRASE)
    script.write_text("raise SystemExit(3)")
    with pytest.raises(KeyringLocked, match="ended with 3"):
        Keyring.open(path, hook)
    script.write_text("print('AAAA')")
    with pytest.raises(KeyringLocked, match="32 bytes"):
        Keyring.open(path, hook)


def wrapping_key_for_tests(_header: dict[str, Any]) -> bytes:
    """A KMS in this very process."""
    return b"k" * 32


def test_a_kms_function_can_hold_the_wrapping_key(path: Path) -> None:
    sys.modules["kms_for_tests"] = sys.modules[__name__]
    hook = KmsHook("kms_for_tests:wrapping_key_for_tests")
    Keyring.create(path, hook)
    assert Keyring.open(path, hook).root_public_key
    with pytest.raises(KeyringLocked, match="AttributeError"):
        Keyring.open(path, KmsHook("kms_for_tests:nothing"))


# --- copies ----------------------------------------------------------------------------------


def test_a_copy_takes_recovery_identity_and_passphrase(
    keyring: Keyring, path: Path, tmp_path: Path
) -> None:
    """C-25: the lost host is brought back; without the passphrase nothing opens."""
    identity, recipient = age_key()
    (tmp_path / "copies").mkdir()
    name = add_key(keyring)
    copy = keyring_copies.make(keyring, tmp_path / "copies", recipient)
    assert copy.stat().st_mode & 0o777 == 0o600
    (tmp_path / "identity").write_text(f"# recovery\n{identity}\n")
    back = tmp_path / "new host" / "keyring"
    keyring_copies.restore(copy, tmp_path / "identity", back)
    assert Keyring.open(back, PASSPHRASE).vault_private_key(name)
    with pytest.raises(KeyringLocked):
        Keyring.open(back, "lost")
    (tmp_path / "other").write_text(age_key()[0])
    with pytest.raises(KeyringError, match="does not open"):
        keyring_copies.restore(copy, tmp_path / "other", tmp_path / "elsewhere")
    with pytest.raises(KeyringError, match="already"):
        keyring_copies.restore(copy, tmp_path / "identity", path)


def test_destroying_a_key_reaches_the_copies(keyring: Keyring, tmp_path: Path) -> None:
    """C-24, Q19."""
    identity, recipient = age_key()
    for folder in ("here", "taken away"):
        (tmp_path / folder).mkdir()
    name = add_key(keyring)
    copy = keyring_copies.make(keyring, tmp_path / "here", recipient)
    far = keyring_copies.make(keyring, tmp_path / "taken away", recipient)
    far.rename(tmp_path / "in a safe")
    (tmp_path / "taken away").rmdir()
    keyring.destroy_vault_key(name)
    found = keyring_copies.renew(keyring, recipient)
    assert found.renewed == (str(copy),)
    assert found.unreachable == (str(far),)
    assert {one.path for one in keyring.copies()} == {str(copy), str(far)}
    (tmp_path / "identity").write_text(identity)
    keyring_copies.restore(copy, tmp_path / "identity", tmp_path / "restored")
    with pytest.raises(KeyDestroyed):
        Keyring.open(tmp_path / "restored", PASSPHRASE).vault_private_key(name)


def test_a_copy_under_way_does_not_keep_a_key_that_is_destroyed_meanwhile(
    keyring: Keyring, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """C-24, Q19: whoever destroys a key waits for the copy, or the copy holds it no more."""
    identity, recipient = age_key()
    name = add_key(keyring)
    written = keyring_file.write_whole
    ending: list[threading.Thread] = []

    def destroy() -> None:
        other = Keyring.open(path, PASSPHRASE)
        other.destroy_vault_key(name)
        keyring_copies.renew(other, recipient)

    def slowly(target: Path, data: bytes, *, wipe: bool = True) -> None:
        if target.suffix == ".age" and not ending:
            ending.append(threading.Thread(target=destroy))
            ending[0].start()
            # Long enough for all of it, were there nothing to wait for.
            ending[0].join(3)
        written(target, data, wipe=wipe)

    monkeypatch.setattr(keyring_file, "write_whole", slowly)
    copy = keyring_copies.make(keyring, tmp_path, recipient)
    ending[0].join(30)
    assert str(copy) in {one.path for one in keyring.copies()}
    (tmp_path / "identity").write_text(identity)
    keyring_copies.restore(copy, tmp_path / "identity", tmp_path / "restored")
    with pytest.raises(KeyDestroyed):
        Keyring.open(tmp_path / "restored", PASSPHRASE).vault_private_key(name)


def test_copies_are_gone_after_35_days(keyring: Keyring, tmp_path: Path, clock: Clock) -> None:
    """Q19, C-24."""
    _identity, recipient = age_key()
    copy = keyring_copies.make(keyring, tmp_path, recipient)
    clock.move(timedelta(days=34))
    assert keyring_copies.expire(keyring, 35).renewed == ()
    clock.move(timedelta(days=2))
    assert keyring_copies.expire(keyring, 35).renewed == (str(copy),)
    assert not copy.exists()
    assert keyring.copies() == ()
