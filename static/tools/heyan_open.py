"""Open a batch of identity documents, and refuse one that is not what was released.

Stand-alone: needs Python 3.9 or later, the package `cryptography`, and the program `age`.

    heyan_open.py --root ROOT_PUBLIC_KEY --manifest manifest.json --identity KEY_FILE \
        [--recipient age1...] [--out FOLDER] BATCH.age

In this order, and nothing goes on when a step fails:

1. the manifest carries a signature of the root key that your organization keeps;
2. the file has the length of the manifest, and each segment of it the manifest's digest;
3. only then `age` decrypts it (it asks for the passphrase of your key file itself);
4. entries are unpacked under the few names that a batch may hold, never outside the folder;
5. the index carries the root's signature too, and each picture the digest in that index.

Pictures that fail the last step are removed and named. Exit 0 only when everything held.

用法同上。先用贵单位保存的平台根公钥核对清单和文件的每一段，全部相符才交给 age 解密；
解包时只接受批次应有的文件名；最后逐张核对图片。任何一步不符都会停下并说明原因。
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MANIFEST_TYPE = "application/vnd.heyan.release-manifest+json"
INDEX_TYPE = "application/vnd.heyan.release-index+json"
SEGMENT = 4194304
LARGEST_ENTRY = 256 * 1024 * 1024
LARGEST_MANIFEST = 64 * 1024 * 1024
PICTURE = re.compile(r"pictures/[0-9]{5}(_[A-Z0-9-]{1,40})?/[a-z_]{1,40}\.jpg")
OTHERS = {"README.txt", "index.csv", "index.json", "index.json.sig", "index.html"}


class Refused(Exception):
    """A step did not hold; the message says which and why."""


def main(arguments: list[str] | None = None) -> int:
    """Run the helper; return its exit code."""
    asked = options().parse_args(arguments)
    try:
        envelope, manifest, out, bad = run(asked)
    except (Refused, OSError) as error:
        print(f"REFUSED / 已停止: {error}", file=sys.stderr)
        return 1
    counts = manifest["counts"]
    print(f"{manifest['event']['title']} - batch / 批次 {manifest['number']}: {out}")
    print(
        f"documents {counts['documents']}, missing {counts['missing']}, broken {counts['broken']}"
    )
    print("digest to acknowledge / 确认收到时填写: " + hashlib.sha256(envelope).hexdigest())
    for path in bad:
        print(f"WRONG PICTURE, removed / 图片不符，已移除: {path}", file=sys.stderr)
    return 1 if bad else 0


def run(asked: argparse.Namespace) -> tuple[bytes, dict[str, Any], Path, list[str]]:
    """Do what was asked; return the envelope, the manifest, the folder and wrong pictures."""
    root = read_root(asked.root)
    envelope = asked.manifest.read_bytes()
    manifest = open_manifest(envelope, root)
    if asked.recipient and manifest["recipient"] != asked.recipient.strip():
        raise Refused("the manifest is for another recipient / 清单的接收方不是贵单位")
    out = asked.out or asked.batch.with_name(asked.batch.name + ".opened")
    if out.exists():
        raise Refused(f"{out} is there already / 目标文件夹已存在")
    bad = open_batch(asked.batch, manifest, root, asked.identity, out, asked.age)
    return envelope, manifest, out, bad


def options() -> argparse.ArgumentParser:
    """Return the command line."""
    found = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    found.add_argument(
        "--root", required=True, help="the root public key: base64, or a file that holds it"
    )
    found.add_argument("--manifest", required=True, type=Path, help="the batch's manifest.json")
    found.add_argument("--identity", required=True, type=Path, help="your age key file")
    found.add_argument("--recipient", help="your own age1... recipient, to be compared as well")
    found.add_argument("--out", type=Path, help="a folder that does not exist yet")
    found.add_argument("--age", default="age", help="the age program")
    found.add_argument("batch", type=Path)
    return found


def read_root(given: str) -> Ed25519PublicKey:
    """Read the pinned root public key."""
    text = Path(given).read_text("ascii").strip() if Path(given).is_file() else given.strip()
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    except ValueError:
        raise Refused("the root public key is not 32 bytes in base64 / 根公钥格式不对") from None


def signed_by(parsed: Any, payload: bytes, root: Ed25519PublicKey, kind: str) -> bool:
    """Tell whether a DSSE envelope over *payload* carries the root's signature."""
    if not isinstance(parsed, dict) or parsed.get("payloadType") != kind:
        return False
    wanted = hashlib.sha256(root.public_bytes_raw()).hexdigest()[:16]
    name = kind.encode()
    message = b"DSSEv1 %d %s %d %s" % (len(name), name, len(payload), payload)
    signatures = parsed.get("signatures")
    for one in signatures if isinstance(signatures, list) else []:
        if isinstance(one, dict) and one.get("keyid") == wanted:
            try:
                root.verify(base64.b64decode(one["sig"], validate=True), message)
            except (InvalidSignature, ValueError, KeyError, TypeError):
                continue
            return True
    return False


def open_manifest(envelope: bytes, root: Ed25519PublicKey) -> dict[str, Any]:
    """Return the manifest, its signature checked before it is read."""
    if len(envelope) > LARGEST_MANIFEST:
        raise Refused("the manifest is too long / 清单过长")
    try:
        parsed = json.loads(envelope)
        payload = base64.b64decode(parsed["payload"], validate=True)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Refused("the manifest cannot be read / 清单无法读取") from None
    if not signed_by(parsed, payload, root, MANIFEST_TYPE):
        raise Refused("the manifest was not signed by this root / 清单不是平台签发的")
    manifest = json.loads(payload)
    stated = manifest.get("file", {})
    size, segments = stated.get("bytes"), stated.get("segments")
    if (
        manifest.get("format") != "heyan-release/1"
        or stated.get("segment_bytes") != SEGMENT
        or not isinstance(size, int)
        or len(segments) != -(-size // SEGMENT)
    ):
        raise Refused("the manifest is of another version / 清单版本不符")
    found: dict[str, Any] = manifest
    return found


def verified(batch: IO[bytes], stated: dict[str, Any]) -> None:
    """Check every byte of the file against the manifest."""
    if os.fstat(batch.fileno()).st_size != stated["bytes"]:
        raise Refused("the file has another length than the manifest says / 文件长度不符")
    for number, digest in enumerate(stated["segments"], start=1):
        if hashlib.sha256(batch.read(SEGMENT)).hexdigest() != digest:
            raise Refused(
                f"segment {number} of {len(stated['segments'])} was changed / 第 {number} 段不符"
            )
    batch.seek(0)


def open_batch(
    path: Path,
    manifest: dict[str, Any],
    root: Ed25519PublicKey,
    identity: Path,
    out: Path,
    age: str,
) -> list[str]:
    """Verify, decrypt and unpack into *out*; return the pictures that were wrong."""
    out.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".heyan-", dir=str(out.parent)))
    try:
        # A private copy is verified and opened, so that nobody can change it in between.
        with tempfile.TemporaryFile(dir=str(folder)) as copy:
            with path.open("rb") as given:
                shutil.copyfileobj(given, copy, SEGMENT)
            copy.seek(0)
            verified(copy, manifest["file"])
            digests = decrypt(copy, identity, age, folder)
        bad = check_index(folder, manifest, root, digests)
        folder.rename(out)
    except BaseException:
        shutil.rmtree(str(folder), ignore_errors=True)
        raise
    return bad


def decrypt(copy: IO[bytes], identity: Path, age: str, folder: Path) -> dict[str, str]:
    """Let `age` decrypt and unpack what it gives; return each entry's SHA-256."""
    digests: dict[str, str] = {}
    with subprocess.Popen(  # noqa: S603 - the program is the caller's own choice
        [age, "--decrypt", "--identity", str(identity)], stdin=copy, stdout=subprocess.PIPE
    ) as running:
        try:
            for name, data in entries(running.stdout or io.BytesIO()):
                place = folder.joinpath(*name.split("/"))
                place.parent.mkdir(parents=True, exist_ok=True)
                with place.open("xb") as file:
                    file.write(data)
                digests[name] = hashlib.sha256(data).hexdigest()
        except BaseException:
            running.kill()
            raise
    if running.returncode:
        raise Refused("age could not open the file / age 无法打开文件")
    return digests


def take(stream: IO[bytes], size: int) -> bytes:
    """Read exactly *size* bytes."""
    found = stream.read(size)
    if len(found) != size:
        raise Refused("age could not open the file, or it ends too early / 文件不完整或打不开")
    return found


def entries(stream: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield the entries of the stored ZIP; refuse whatever a batch does not hold."""
    seen = set()
    while True:
        signature = take(stream, 4)
        if signature == b"PK\x01\x02":
            break
        if signature != b"PK\x03\x04":
            raise Refused("this is not a batch / 内容不是批次文件")
        _need, flags, method, _time, _date, crc, packed, size, length, extra = struct.unpack(
            "<5H3I2H", take(stream, 26)
        )
        if flags & ~0x0800 or method or packed != size or size > LARGEST_ENTRY:
            raise Refused("the batch is packed in another way / 打包方式不符")
        name = take(stream, length).decode("utf-8", "replace")
        take(stream, extra)
        if name in seen or not (name in OTHERS or PICTURE.fullmatch(name)):
            raise Refused(f"the batch holds a file that it may not: {name!r} / 文件名不应出现")
        seen.add(name)
        data = take(stream, size)
        if zlib.crc32(data) != crc:
            raise Refused(f"{name} is damaged / 内容损坏")
        yield name, data
    # To the end: only then has age authenticated the last bytes.
    while stream.read(SEGMENT):
        pass


def check_index(
    folder: Path, manifest: dict[str, Any], root: Ed25519PublicKey, digests: dict[str, str]
) -> list[str]:
    """Check the index, then each picture against it; return those that were wrong."""
    if digests.get("index.json") != manifest["index_sha256"]:
        raise Refused("the index is not the manifest's / 名单与清单不符")
    index_bytes = (folder / "index.json").read_bytes()
    try:
        detached = json.loads((folder / "index.json.sig").read_bytes())
    except (OSError, ValueError):
        raise Refused("the index has no signature / 名单没有签名") from None
    if not signed_by(detached, index_bytes, root, INDEX_TYPE):
        raise Refused("the index was not signed by this root / 名单不是平台签发的")
    index = json.loads(index_bytes)
    if index.get("release_id") != manifest["release_id"]:
        raise Refused("the index is of another batch / 名单属于另一批")
    expected = {
        one["path"]: one["jpeg_sha256"]
        for person in index["registrations"]
        for one in person["documents"]
        if one["state"] == "included"
    }
    pictures = {name for name in digests if name.startswith("pictures/")}
    wrong = sorted(
        name for name in pictures | set(expected) if digests.get(name) != expected.get(name)
    )
    for name in wrong:
        if name in pictures:
            folder.joinpath(*name.split("/")).unlink()
    return wrong


if __name__ == "__main__":
    sys.exit(main())
