"""The ZIP's structure, small and beyond 32 bits."""

from __future__ import annotations

import io
import struct
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest

from uploads_worker.releases.contents import folder_name, guarded
from uploads_worker.releases.fetching import opened_ahead
from uploads_worker.releases.sealing_out import SEGMENT_BYTES, encrypt_to
from uploads_worker.releases.zipping import ZipStream


def packed(stream: ZipStream, files: dict[str, bytes]) -> bytes:
    pieces: list[bytes] = []
    for name, data in files.items():
        pieces += stream.entry(name, [data[:3], data[3:]])
    pieces += stream.end()
    return b"".join(pieces)


FILES = {"pictures/00001_A/id_card_front.jpg": b"picture", "index.csv": "名单".encode() * 9}


def test_the_same_content_is_the_same_file() -> None:
    one, other = packed(ZipStream(), FILES), packed(ZipStream(), FILES)
    assert one == other
    with zipfile.ZipFile(io.BytesIO(one)) as found:
        assert {name: found.read(name) for name in found.namelist()} == FILES


@pytest.mark.parametrize("limits", [{"limit32": 20}, {"limit16": 1}, {"limit32": 20, "limit16": 1}])
def test_beyond_the_old_limits_zip64_records_are_written(
    limits: dict[str, int], tmp_path: Path
) -> None:
    """L2: ZIP64; the limits are made small here, the records are the real ones."""
    data = packed(ZipStream(**limits), FILES)
    assert data.count(b"PK\x06\x06") == 1
    end = data.rindex(b"PK\x06\x06")
    _sign, _size, _by, _need, _disk, _cd, here, count, length, start = struct.unpack_from(
        "<4sQ2H2I4Q", data, end
    )
    assert (here, count) == (2, 2)
    assert data[start : start + 4] == b"PK\x01\x02"
    assert start + length == end
    with zipfile.ZipFile(io.BytesIO(data)) as found:
        assert {name: found.read(name) for name in found.namelist()} == FILES
    (tmp_path / "a.zip").write_bytes(data)
    if Path("/usr/bin/unzip").exists():
        subprocess.run(["/usr/bin/unzip", "-t", "a.zip"], cwd=tmp_path, check=True)


def test_more_entries_than_sixteen_bits_count() -> None:
    stream = ZipStream()
    files = {f"pictures/{at:05d}/a.jpg": b"x" for at in range(65_540)}
    with zipfile.ZipFile(io.BytesIO(packed(stream, files))) as found:
        assert len(found.namelist()) == 65_540


def test_a_name_is_never_used_twice() -> None:
    stream = ZipStream()
    list(stream.entry("a", [b"x"]))
    with pytest.raises(ValueError):
        list(stream.entry("a", [b"x"]))


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("EXAM-2026-00001", "00007_EXAM-2026-00001"),
        ("../../x", "00007_X"),
        ("con", "00007_CON"),
        ("名单", "00007"),
        ("a. ", "00007_A"),
    ],
)
def test_folders_have_names_that_windows_takes(number: str, expected: str) -> None:
    """C-80: digits first, so that none is a device; nothing but letters, digits, hyphens."""
    assert folder_name(7, number) == expected


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx", "＝1", "110105200803040031"])
def test_cells_are_no_formulas_and_numbers_are_not_rounded(cell: str) -> None:
    """SECURITY 37, C-55: formula injection; Excel rounds beyond 15 digits."""
    assert guarded(cell).startswith("'")
    assert guarded("王小满") == "王小满"


def test_an_error_of_the_source_comes_out_as_it_is() -> None:
    def source() -> Iterator[bytes]:
        yield b"x" * 100_000
        raise KeyError("gone")

    class Sink:
        def write(self, data: bytes) -> int:
            return len(data)

    key = str(pyrage.x25519.Identity.generate().to_public())
    with pytest.raises(KeyError):
        encrypt_to(Sink(), source(), [key])


def test_segments_are_cut_at_their_size_and_open_again() -> None:
    out = bytearray()

    class Sink:
        def write(self, data: bytes) -> int:
            out.extend(data)
            return len(data)

    identity = pyrage.x25519.Identity.generate()
    second = pyrage.x25519.Identity.generate()
    plain = [bytes([at]) * 1_000_003 for at in range(9)]
    recipients = [str(identity.to_public()), str(second.to_public())]
    made = encrypt_to(Sink(), plain, recipients)
    assert made.length == len(out)
    assert len(made.segments) == -(-len(out) // SEGMENT_BYTES)
    for one in (identity, second):
        assert pyrage.decrypt(bytes(out), [one]) == b"".join(plain)


def test_what_is_fetched_ahead_is_bounded_by_bytes() -> None:
    """DESIGN 2 rule 7 and issue: memory does not grow with the batch."""
    from types import SimpleNamespace

    under_way: set[int] = set()
    most = 0

    class Slow:
        def open(self, person: object, paper: SimpleNamespace) -> int:
            nonlocal most
            under_way.add(paper.number)
            most = max(most, len(under_way))
            return paper.number

    papers = [(None, SimpleNamespace(number=at, sealed_bytes=10)) for at in range(100)]
    seen = []
    for number in opened_ahead(Slow(), papers, threads=4, ahead_bytes=50):  # type: ignore[arg-type]
        under_way.discard(number)  # type: ignore[arg-type]
        seen.append(number)
    assert seen == list(range(100))
    assert most <= 7
