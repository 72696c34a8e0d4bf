"""The stand-alone tool on manifests and indexes (audit and receipts stand with their makers)."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from heyan.custody import signing
from tests.worker import verify

SEGMENT = 4096


@pytest.fixture
def root() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def text_of(root: Ed25519PrivateKey) -> str:
    return base64.b64encode(signing.raw_public(root.public_key())).decode()


def test_one_flipped_bit_of_a_batch_is_named_by_its_segment(
    root: Ed25519PrivateKey, tmp_path: Path
) -> None:
    """C-26, SECURITY 14."""
    data = bytes(range(256)) * 50
    pieces = [data[at : at + SEGMENT] for at in range(0, len(data), SEGMENT)]
    payload = {
        "format": "heyan-release/1",
        "release_id": "r1",
        "organization": {"id": "o1", "name": "协会"},
        "file": {
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "segment_bytes": SEGMENT,
            "segments": [hashlib.sha256(piece).hexdigest() for piece in pieces],
        },
    }
    manifest, released = tmp_path / "manifest.json", tmp_path / "release.age"
    manifest.write_text(signing.sign(signing.MANIFEST_TYPE, signing.canonical(payload), root))
    released.write_bytes(data)
    words = ("--root", text_of(root), "manifest", manifest, "--file", released)
    assert verify(*words)[0] == 0
    changed = bytearray(data)
    changed[SEGMENT + 5] ^= 4
    released.write_bytes(changed)
    code, said = verify(*words)
    assert (code, "segment 1 (from byte 4096)" in said) == (1, True)
    released.write_bytes(data[:-1])
    assert verify(*words)[0] == 1
    released.write_bytes(data + b"x")
    assert verify(*words)[0] == 1
    stranger = ("--root", text_of(Ed25519PrivateKey.generate()), "manifest", manifest)
    assert verify(*stranger)[0] == 1


def test_an_index_verifies_and_a_receipt_cannot_pass_for_one(
    root: Ed25519PrivateKey, tmp_path: Path
) -> None:
    """C-26: the type is part of what is signed."""
    index, signature = tmp_path / "index.json", tmp_path / "index.json.sig"
    index.write_text(json.dumps({"release_id": "r1"}))
    words = ("--root", text_of(root), "index", index, "--signature", signature)
    signature.write_text(signing.sign_detached(signing.INDEX_TYPE, index.read_bytes(), root))
    assert verify(*words)[0] == 0
    other = json.loads(signing.sign_detached(signing.RECEIPT_TYPE, index.read_bytes(), root))
    signature.write_text(json.dumps({**other, "payloadType": signing.INDEX_TYPE}))
    assert verify(*words)[0] == 1
    signature.write_text("nothing")
    assert verify(*words)[0] == 1


def test_what_cannot_be_read_is_said_apart_from_what_is_wrong(
    root: Ed25519PrivateKey, tmp_path: Path
) -> None:
    assert verify("--root", text_of(root), "receipt", tmp_path / "absent")[0] == 2
    assert verify("--root", "AAAA", "receipt", tmp_path / "absent")[0] == 2
    (tmp_path / "list").write_text("[[[]]]")
    assert verify("--root", text_of(root), "receipt", tmp_path / "list")[0] == 1


def trail(root: Ed25519PrivateKey, path: Path, times: list[tuple[str, str]]) -> Path:
    """An export whose chain holds, with ("entry" or "seal", time) one after the other."""
    lines: list[dict[str, object]] = [{"format": "heyan-audit-export/1"}]
    place, previous = 0, "00" * 32
    for kind, at in times:
        if kind == "entry":
            place += 1
            entry = {"id": place, "at": at, "action": "tests.act"}
            digest = hashlib.sha256(bytes.fromhex(previous) + signing.canonical(entry)).hexdigest()
            lines.append({"seq": place, "entry": entry, "prev": previous, "hash": digest})
            previous = digest
            continue
        said = {"format": "heyan-audit-seal/1", "seq": place, "hash": previous, "at": at}
        lines.append({"seal": signing.sign(signing.AUDIT_SEAL_TYPE, signing.canonical(said), root)})
    lines.append({"end": place})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.mark.parametrize(
    ("times", "said"),
    [
        ([("entry", "10:00:00"), ("seal", "10:00:30"), ("entry", "10:01:00")], ""),
        # A host half a minute ahead, and a long act whose entry came late.
        ([("entry", "10:01:10"), ("seal", "10:00:30"), ("entry", "08:30:00")], ""),
        (
            [("entry", "10:00:00"), ("entry", "12:00:00"), ("entry", "13:00:00")],
            "the entry at place 2 is later than its seal",
        ),
        (
            [("entry", "10:00:00"), ("seal", "11:00:00"), ("entry", "10:01:00")],
            "the seal at place 2 is older than the one before",
        ),
        (
            [("entry", "10:00:00"), ("seal", "10:00:30"), ("entry", "07:00:00")],
            "the entry at place 2 is dated before the seal before it",
        ),
    ],
)
def test_time_that_steps_back_is_named_by_its_first_place(
    root: Ed25519PrivateKey, tmp_path: Path, times: list[tuple[str, str]], said: str
) -> None:
    """SECURITY 48, C-65: a chain that holds may still lie about when; the tool says where."""
    whole = [(kind, f"2026-11-24T{at}+00:00") for kind, at in [*times, ("seal", "10:02:00")]]
    export = trail(root, tmp_path / "audit.jsonl", whole)
    code, words = verify("--root", text_of(root), "audit", export)
    assert code == (1 if said else 0), words
    assert said in words
    assert ("time steps back" in words) is bool(said)
