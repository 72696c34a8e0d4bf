#!/usr/bin/env python3
"""Check what Heyan signed, with nothing but this file, Python 3.9 and `cryptography`.

    python heyan_verify.py --root BASE64 receipt RECEIPT.json …
    python heyan_verify.py --root BASE64 consent CONSENTS.json …
    python heyan_verify.py --root BASE64 manifest MANIFEST.json [--file RELEASE.age]
    python heyan_verify.py --root BASE64 index index.json --signature index.json.sig
    python heyan_verify.py --root BASE64 audit EXPORT.jsonl
    python heyan_verify.py --root BASE64 destruction heyan-destruction.json

BASE64 is the signing root's public key (32 bytes), as its owner told you, not as the site shows
it. Exit code 0: everything holds. 1: something does not, and is named. 2: it cannot be read.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TYPES = {
    "receipt": "application/vnd.heyan.receipt+json",
    "consent": "application/vnd.heyan.consent-receipt+json",
    "manifest": "application/vnd.heyan.release-manifest+json",
    "index": "application/vnd.heyan.release-index+json",
    "seal": "application/vnd.heyan.audit-seal+json",
    "destruction": "application/vnd.heyan.destruction-certificate+json",
}
FORMATS = {
    "receipt": "heyan-receipt/1",
    "consent": "heyan-consent-receipt/1",
    "manifest": "heyan-release/1",
    "seal": "heyan-audit-seal/1",
    "destruction": "heyan-destruction/1",
}


ALLOWED = timedelta(minutes=1)
COMES_LATE = timedelta(hours=2)


class Wrong(Exception):
    """Something does not hold; the message names it."""


class Root:
    """One or more public keys of signing roots, by the name that signatures carry."""

    def __init__(self, keys: list[str]) -> None:
        self._keys: dict[str, Ed25519PublicKey] = {}
        for text in keys:
            raw = base64.b64decode(text, validate=True)
            self._keys[hashlib.sha256(raw).hexdigest()[:16]] = Ed25519PublicKey.from_public_bytes(
                raw
            )

    def check(self, envelope: Any, kind: str, payload: bytes | None = None) -> bytes:
        """Return the signed payload of a DSSE envelope (or check a detached *payload*)."""
        if not isinstance(envelope, dict) or envelope.get("payloadType") != TYPES[kind]:
            raise Wrong(f"this is no signed {kind}")
        if payload is None:
            payload = _base64(envelope.get("payload"), "the payload")
        name = TYPES[kind].encode()
        message = b"DSSEv1 %d %s %d %s" % (len(name), name, len(payload), payload)
        signatures = envelope.get("signatures")
        for one in signatures if isinstance(signatures, list) else []:
            key = self._keys.get(one.get("keyid")) if isinstance(one, dict) else None
            if key is None:
                continue
            try:
                key.verify(_base64(one.get("sig"), "the signature"), message)
            except InvalidSignature:
                continue
            return payload
        raise Wrong(f"the {kind} was changed, or the root did not sign it")

    def read(self, envelope: Any, kind: str) -> dict[str, Any]:
        """Return the payload as an object of the right format."""
        found = json.loads(self.check(envelope, kind))
        if not isinstance(found, dict) or found.get("format") != FORMATS[kind]:
            raise Wrong(f"this is another format than {FORMATS[kind]}")
        return found


def _base64(text: Any, what: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise Wrong(f"{what} is not base64") from None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Wrong("this is not JSON") from None


def canonical(value: Any) -> bytes:
    """Return *value* as JSON with sorted keys and no spaces."""
    text = json.dumps(
        value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False
    )
    return text.encode()


def check_receipt(root: Root, path: Path) -> str:
    """Check a receipt, a JSON list of them, or a site's download; say what they state."""
    found = _json(path.read_text("utf-8"))
    if isinstance(found, dict) and found.get("format") == "heyan-receipts/1":
        # Those still being signed hold no envelope yet.
        found = [one["envelope"] for one in found["receipts"] if one["envelope"]]
    said = [root.read(one, "receipt") for one in (found if isinstance(found, list) else [found])]
    if not said:
        raise Wrong("it holds no signed receipt yet")
    return "; ".join(f"document {one['document_id']}: {one['step']} at {one['at']}" for one in said)


def check_consent(root: Root, path: Path) -> str:
    """Check receipts of consent, one or a site's download; say what was agreed to and when."""
    found = _json(path.read_text("utf-8"))
    if isinstance(found, dict) and found.get("format") == "heyan-consent-receipts/1":
        found = [one["envelope"] for one in found["receipts"] if one["envelope"]]
    said = [root.read(one, "consent") for one in (found if isinstance(found, list) else [found])]
    if not said:
        raise Wrong("it holds no signed receipt yet")
    return "; ".join(
        f"{one['purpose']} {'agreed' if one['granted'] else 'taken back'} at {one['at']}"
        f" under version {one['policy_version']}"
        for one in said
    )


def check_manifest(root: Root, path: Path, released: Path | None) -> str:
    """Check a release's manifest and, when given, the release file, segment by segment."""
    found = root.read(_json(path.read_text("utf-8")), "manifest")
    said = f"release {found['release_id']} for {found['organization']['name']}"
    if released is None:
        return said
    wanted, whole = found["file"], hashlib.sha256()
    size, segments = 0, wanted["segments"]
    with released.open("rb") as source:
        number = 0
        while data := source.read(wanted["segment_bytes"]):
            if number >= len(segments) or hashlib.sha256(data).hexdigest() != segments[number]:
                first = number * wanted["segment_bytes"]
                raise Wrong(f"segment {number} (from byte {first}) was changed")
            whole.update(data)
            size, number = size + len(data), number + 1
    if number != len(segments) or size != wanted["bytes"]:
        raise Wrong(f"the file ends at byte {size} of {wanted['bytes']}")
    if whole.hexdigest() != wanted["sha256"]:
        raise Wrong("the file was changed")
    return said + f", {size} bytes"


def check_index(root: Root, path: Path, signature: Path) -> str:
    """Check index.json by its detached signature."""
    payload = path.read_bytes()
    root.check(_json(signature.read_text("utf-8")), "index", payload)
    found = json.loads(payload)
    return f"index of release {found['release_id']}"


def check_audit(root: Root, path: Path) -> str:
    """Check an export of the audit trail: every entry, the chain, every seal, times, its end."""
    seq, previous, sealed, ended, note = 0, "00" * 32, 0, None, ""
    times = _Times()
    for number, line in _lines(path):
        where = f"line {number}"
        if ended is not None:
            raise Wrong(f"{where}: something follows the end")
        try:
            one = _json(line)
            if number == 1:
                seq, previous, note = _check_head(root, one, times)
                sealed = seq
            elif "seal" in one:
                sealed = _check_seal(root, one, seq, previous, times)
            elif "end" in one:
                ended = one["end"]
            else:
                seq, previous = _check_entry(one, seq, previous)
                times.entry(seq, one["entry"]["at"])
        except Wrong as error:
            raise Wrong(f"{where}: {error}") from None
        except (KeyError, TypeError, ValueError):
            raise Wrong(f"{where}: this line is damaged") from None
    if ended != seq:
        raise Wrong(f"the tail is cut after place {seq}")
    if sealed != seq:
        raise Wrong(f"the root did not seal the end: places after {sealed} are unproven")
    if times.fault:
        raise Wrong(f"{seq} entries, the chain holds, but time steps back: {times.fault}{note}")
    return f"{seq} entries, sealed up to the last, times run forward{note}"


def check_destruction(root: Root, path: Path) -> str:
    """Check the certificate of the final destruction at the end of the service."""
    found = root.read(_json(path.read_text("utf-8")), "destruction")
    if found["objects_left"] != found["objects_kept_by_law"] or found["keys_left"]:
        raise Wrong("something was left that no law keeps")
    gone = ", ".join(f"{name} {count}" for name, count in sorted(found["destroyed"].items()))
    kept = ", ".join(
        f"{name} {one['count']} until {one['until']}" for name, one in sorted(found["kept"].items())
    )
    return (
        f"ended at {found['ended_at']}; destroyed: {gone or 'nothing'}; kept: {kept or 'nothing'}"
    )


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    with path.open(encoding="utf-8", newline="\n") as source:
        for number, line in enumerate(source, 1):
            yield number, line.rstrip("\n")


class _Times:
    """Whether time runs forward: seals never step back, and entries lie between their seals.

    A minute is allowed for clocks of several hosts, and two hours for an entry that was written
    in a long act and could be seen only when it ended.
    """

    def __init__(self) -> None:
        # The first place where it does not; the chain is looked at to its end all the same.
        self.fault = ""
        self._sealed: datetime | None = None
        # Entries since the last seal that are later than all before them, with their places.
        self._latest: list[tuple[datetime, int]] = []

    def entry(self, place: int, text: str) -> None:
        at = _moment(text)
        if self._sealed is not None and at < self._sealed - COMES_LATE:
            self._note(f"the entry at place {place} is dated before the seal before it")
        if not self._latest or at > self._latest[-1][0]:
            self._latest.append((at, place))

    def seal(self, place: int, text: str) -> None:
        at = _moment(text)
        for entered, where in self._latest:
            if entered > at + ALLOWED:
                self._note(f"the entry at place {where} is later than its seal")
        if self._sealed is not None and at < self._sealed - ALLOWED:
            self._note(f"the seal at place {place} is older than the one before")
        self._sealed, self._latest = at, []

    def _note(self, what: str) -> None:
        self.fault = self.fault or what


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(text)
    return found


def _check_head(root: Root, one: Any, times: _Times) -> tuple[int, str, str]:
    """Return where the export begins: at the start, or behind a seal and what it stands for."""
    if not isinstance(one, dict) or one.get("format") != "heyan-audit-export/1":
        raise Wrong("this is no export of the audit trail")
    if "after" not in one:
        return 0, "00" * 32, ""
    said = root.read(_json(one["after"]), "seal")
    times.seal(said["seq"], said["at"])
    note = f"; the first {said['seq']} were sealed by {said['at']} and are not in this file"
    return said["seq"], said["hash"], note


def _check_seal(root: Root, one: dict[str, Any], seq: int, previous: str, times: _Times) -> int:
    said = root.read(_json(one["seal"]), "seal")
    if said["seq"] != seq or said["hash"] != previous:
        raise Wrong(f"place {said['seq']} is not what was sealed there")
    times.seal(seq, said["at"])
    return seq


def _check_entry(one: dict[str, Any], seq: int, previous: str) -> tuple[int, str]:
    place, entry = one["seq"], one["entry"]
    if place != seq + 1:
        raise Wrong(f"place {seq + 1} is missing")
    if entry is None:
        raise Wrong(f"the entry at place {place} was deleted")
    name = f"entry {entry.get('id')} at place {place}"
    if one["prev"] != previous:
        raise Wrong(f"{name} does not follow the one before")
    digest = hashlib.sha256(bytes.fromhex(previous) + canonical(entry)).hexdigest()
    if digest != one["hash"]:
        raise Wrong(f"{name} was changed")
    return place, digest


def main(arguments: list[str] | None = None) -> int:
    """Check what the arguments name; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", action="append", required=True, help="public key, base64")
    kinds = parser.add_subparsers(dest="kind", required=True)
    receipt = kinds.add_parser("receipt")
    receipt.add_argument("files", nargs="+", type=Path)
    consent = kinds.add_parser("consent")
    consent.add_argument("files", nargs="+", type=Path)
    manifest = kinds.add_parser("manifest")
    manifest.add_argument("files", nargs=1, type=Path)
    manifest.add_argument("--file", type=Path, help="the release (age file) that it describes")
    index = kinds.add_parser("index")
    index.add_argument("files", nargs=1, type=Path)
    index.add_argument("--signature", type=Path, required=True)
    audit = kinds.add_parser("audit")
    audit.add_argument("files", nargs="+", type=Path)
    destruction = kinds.add_parser("destruction")
    destruction.add_argument("files", nargs=1, type=Path)
    given = parser.parse_args(arguments)
    try:
        root = Root(given.root)
    except ValueError:
        print("--root: not the public key of a root (32 bytes in base64)", file=sys.stderr)
        return 2
    worst = 0
    for path in given.files:
        try:
            if given.kind == "receipt":
                said = check_receipt(root, path)
            elif given.kind == "consent":
                said = check_consent(root, path)
            elif given.kind == "manifest":
                said = check_manifest(root, path, given.file)
            elif given.kind == "index":
                said = check_index(root, path, given.signature)
            elif given.kind == "destruction":
                said = check_destruction(root, path)
            else:
                said = check_audit(root, path)
        except (Wrong, KeyError, TypeError) as error:
            reason = error if isinstance(error, Wrong) else "it is damaged"
            print(f"BROKEN {path}: {reason}")
            worst = max(worst, 1)
        except (OSError, UnicodeDecodeError, ValueError) as error:
            print(f"UNREADABLE {path}: {type(error).__name__}", file=sys.stderr)
            worst = 2
        else:
            print(f"holds {path}: {said}")
    return worst


if __name__ == "__main__":
    sys.exit(main())
