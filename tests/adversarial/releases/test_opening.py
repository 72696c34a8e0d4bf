"""What an organizer can and cannot open: Debian's age, the helper, and files that were changed."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import uuid
import zipfile
from pathlib import Path

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from heyan.custody import signing
from heyan.releases.models import Release
from tests.releases import Batches, Organizer, age, manifest_of
from uploads_worker.releases import build_release

HELPER = Path(__file__).parents[3] / "static" / "tools" / "heyan_open.py"
NAUGHTY = [
    "</script><script>window.ran=1</script>",
    '=HYPERLINK("http://x","y")',
    "＝1+1",
    "../../etc/passwd",
    "CON",
    "\u202egpj.exe\r\nx",
    "😀阿依古丽·买买提",
    "长" * 500,
]


class Delivered:
    """A release as files in a folder, with what is needed to open it."""

    def __init__(self, batches: Batches, organizer: Organizer, folder: Path) -> None:
        [self.release] = batches.releases(organizer)
        self.folder, self.batches = folder, batches
        self.file = folder / "batch.age"
        self.manifest = folder / "manifest.json"
        self.root = base64.b64encode(batches.context.keyring.root_public_key).decode()
        self.file.write_bytes(batches.file(self.release))
        self.manifest.write_text(str(self.release.manifest))
        (folder / "key.txt").write_text(str(organizer.identity) + "\n")

    def help(self, *more: str) -> subprocess.CompletedProcess[str]:
        """Run the helper."""
        out = self.folder / f"out-{uuid.uuid4().hex[:6]}"
        done = subprocess.run(
            [
                sys.executable, str(HELPER), "--root", self.root,
                "--manifest", str(self.manifest), "--identity", str(self.folder / "key.txt"),
                "--out", str(out), *more, str(self.file),
            ],
            capture_output=True, text=True, check=False, env={"PATH": os.environ["PATH"]},
        )  # fmt: skip
        self.out = out
        return done


@pytest.fixture
def delivered(batches: Batches, organizer: Organizer, tmp_path: Path) -> Delivered:
    """One batch of people with naughty names, offered."""
    for name in NAUGHTY:
        batches.enrol(
            organizer,
            name=name,
            answer=name,
            number=f"{name[:6]}.. {uuid.uuid4().hex[:8]}"[:24],
            pictures=[b"\xff\xd8" + os.urandom(700_000)] * 2,
        )
    build_release(batches.context, organizer.event_id, "demand")
    return Delivered(batches, organizer, tmp_path)


def test_debian_age_and_unzip_open_a_batch(
    batches: Batches, organizer: Organizer, delivered: Delivered, tmp_path: Path
) -> None:
    """L2, C-80: every name unpacks on Windows too; the CSV holds no formula."""
    done = age("-d", "-i", "key.txt", "-o", "batch.zip", "batch.age", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    listed = subprocess.run(
        ["unzip", "-t", "batch.zip"] if Path("/usr/bin/unzip").exists() else
        [sys.executable, "-m", "zipfile", "-t", "batch.zip"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert listed.returncode == 0
    with zipfile.ZipFile(tmp_path / "batch.zip") as packed:
        names = packed.namelist()
        assert all(one.flag_bits == 0x0800 and one.compress_type == 0 for one in packed.infolist())
    lowered = [name.lower() for name in names]
    assert len(set(lowered)) == len(names)
    reserved = {"con", "prn", "aux", "nul"}
    for name in lowered:
        for part in name.split("/"):
            assert part.isascii()
            assert not set(part) & set('<>:"|?*\\ ')
            assert part.split(".")[0] not in reserved
            assert not part.endswith((".", " "))
    opened = batches.open(organizer, delivered.release)
    for row in opened.rows():
        for value in row.values():
            assert not value.startswith(("=", "+", "-", "@", "\t", "\r", "＝"))
    assert {one["name"] for one in opened.index["registrations"]} == set(NAUGHTY)
    assert opened.entries["index.csv"].startswith(b"\xef\xbb\xbf")
    assert b"<script>window.ran" not in opened.entries["index.html"]
    assert "results.csv" in opened.entries["README.txt"].decode()


def test_only_the_pinned_key_opens_it(delivered: Delivered, tmp_path: Path) -> None:
    """DESIGN 2: recipient reads, nobody else."""
    other = pyrage.x25519.Identity.generate()
    (tmp_path / "other.txt").write_text(str(other) + "\n")
    done = age("-d", "-i", "other.txt", "-o", "out", "batch.age", cwd=tmp_path)
    assert done.returncode != 0
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(delivered.file.read_bytes(), [other])


def test_the_helper_opens_a_batch_and_prints_what_to_acknowledge(delivered: Delivered) -> None:
    """C-79: and the digest that it prints is the one that the site expects."""
    done = delivered.help()
    assert done.returncode == 0, done.stderr
    assert (delivered.release.manifest_sha256 or b"").hex() in done.stdout
    pictures = list(delivered.out.rglob("*.jpg"))
    assert len(pictures) == delivered.release.documents_count


def test_a_flipped_bit_is_named_before_age_sees_a_byte(
    delivered: Delivered, tmp_path: Path
) -> None:
    """SECURITY 14, C-26: the segment is named; age is not even started."""
    data = bytearray(delivered.file.read_bytes())
    data[5_000_000] ^= 1
    delivered.file.write_bytes(data)
    marker = tmp_path / "started"
    spy = tmp_path / "spy"
    spy.write_text(f'#!/bin/sh\ntouch {marker}\nexec age "$@"\n')
    spy.chmod(0o700)
    done = delivered.help("--age", str(spy))
    assert done.returncode == 1
    assert "segment 2 of" in done.stderr
    assert not marker.exists()
    assert not delivered.out.exists()


def test_another_valid_age_file_is_refused_before_unpacking(
    delivered: Delivered, organizer: Organizer
) -> None:
    """C-79, Q7: anyone can encrypt to the organizer; only the root signs manifests."""
    size = delivered.file.stat().st_size
    forged = pyrage.encrypt(b"PK\x03\x04" + bytes(size), [organizer.identity.to_public()])
    delivered.file.write_bytes(forged[:size])
    done = delivered.help()
    assert done.returncode == 1
    assert "segment 1 of" in done.stderr
    delivered.file.write_bytes(pyrage.encrypt(b"x", [organizer.identity.to_public()]))
    assert "another length" in delivered.help().stderr


def test_a_manifest_of_another_root_or_recipient_is_refused(delivered: Delivered) -> None:
    """C-79: the pinned root decides."""
    assert delivered.help("--recipient", "age1another").returncode == 1
    payload = signing.canonical(manifest_of(delivered.manifest.read_text()))
    forged = signing.sign(signing.MANIFEST_TYPE, payload, Ed25519PrivateKey.generate())
    delivered.manifest.write_text(forged)
    done = delivered.help()
    assert done.returncode == 1
    assert "not signed by this root" in done.stderr


def test_a_signed_batch_cannot_write_outside_its_folder(
    batches: Batches, organizer: Organizer, delivered: Delivered
) -> None:
    """Even the worker's own signature does not make the helper unpack a foreign name."""
    from uploads_worker.releases.sealing_out import encrypt_to
    from uploads_worker.releases.zipping import ZipStream

    for name in ("../evil.txt", "/etc/evil", "pictures/00001/x.exe", "pictures/00001/../../a.jpg"):
        packed, out = ZipStream(), bytearray()

        class Sink:
            def write(self, data: bytes) -> int:
                out.extend(data)  # noqa: B023 - used within the round
                return len(data)

        plain = [*packed.entry(name, [b"x"]), *packed.end()]
        sealed = encrypt_to(Sink(), plain, [organizer.recipient])
        manifest = manifest_of(delivered.manifest.read_text())
        manifest["file"] |= {"bytes": sealed.length, "segments": list(sealed.segments)}
        delivered.file.write_bytes(bytes(out))
        delivered.manifest.write_text(
            signing.sign(
                signing.MANIFEST_TYPE, signing.canonical(manifest), batches.context.keyring.root
            )
        )
        done = delivered.help()
        assert done.returncode == 1
        assert "may not" in done.stderr
        assert not delivered.out.exists()


def test_the_web_may_read_a_release_and_nothing_else_of_it(
    batches: Batches, delivered: Delivered
) -> None:
    """DESIGN 2: the web's credentials may only get there."""
    from heyan.custody.objects import ObjectStoreError

    release: Release = delivered.release
    assert release.object_key is not None
    with pytest.raises(ObjectStoreError), batches.uploads.release_writer("r/mine") as out:
        out.write(b"x")
    with pytest.raises(ObjectStoreError):
        batches.uploads.destroy_release(release.object_key)
    assert batches.file(release)
