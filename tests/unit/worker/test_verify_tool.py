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
