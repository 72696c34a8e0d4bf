"""A ZIP that is made while it is read: stored entries, sizes in front, ZIP64 where it must be.

Strict enough for readers that stream (``static/js/organizer/zipstream.js``): flag UTF-8 only, no
data descriptors, no extra field in local headers. Times are fixed, so that the same content is
the same file.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence

UTF8 = 0x0800
# 1 January 1980, 00:00: the first moment that a ZIP can name.
DOS_DATE = (0 << 9) | (1 << 5) | 1
MAX_ENTRY = 0xFFFFFFFE
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR = struct.Struct("<4sIQI")
_END = struct.Struct("<4s4H2IH")


class ZipStream:
    """Yields the bytes of a ZIP: `entry` for each file in order, then `end` once."""

    def __init__(self, *, limit32: int = 0xFFFFFFFF, limit16: int = 0xFFFF) -> None:
        """*limit32* and *limit16* are where ZIP64 begins; tests make them small."""
        self.bytes = 0
        self._limit32, self._limit16 = limit32, limit16
        self._central = bytearray()
        self._count = 0
        self._names: set[str] = set()

    def entry(
        self, name: str, parts: Sequence[bytes], *, crc: int | None = None
    ) -> Iterator[bytes]:
        """Yield one file; *crc* is its CRC-32 where the caller has it already.

        Raises ValueError for a name that was there before or a file of 4 GiB.
        """
        size = sum(len(part) for part in parts)
        if name in self._names or size > MAX_ENTRY:
            raise ValueError("the entry is there already, or too large")
        self._names.add(name)
        if crc is None:
            crc = 0
            for part in parts:
                crc = zlib.crc32(part, crc)
        raw, offset = name.encode(), self.bytes
        head = _LOCAL.pack(
            b"PK\x03\x04", 20, UTF8, 0, 0, DOS_DATE, crc, size, size, len(raw), 0
        )  # fmt: skip
        self._remember(raw, crc, size, offset)
        yield self._counted(head + raw)
        for part in parts:
            yield self._counted(part)

    def end(self) -> Iterator[bytes]:
        """Yield the directory and the end records."""
        start, length, count = self.bytes, len(self._central), self._count
        yield self._counted(bytes(self._central))
        if max(start, length) >= self._limit32 or count >= self._limit16:
            place = self.bytes
            yield self._counted(
                _END64.pack(
                    b"PK\x06\x06", _END64.size - 12, 45, 45, 0, 0, count, count, length, start
                )
            )
            yield self._counted(_LOCATOR.pack(b"PK\x06\x07", 0, place, 1))
        short = min(count, 0xFFFF) if count < self._limit16 else 0xFFFF
        yield self._counted(
            _END.pack(b"PK\x05\x06", 0, 0, short, short, self._short(length), self._short(start), 0)
        )

    def _short(self, value: int) -> int:
        return value if value < self._limit32 else 0xFFFFFFFF

    def _remember(self, raw: bytes, crc: int, size: int, offset: int) -> None:
        large = offset >= self._limit32
        extra = struct.pack("<2HQ", 1, 8, offset) if large else b""
        # Made on Unix, so that the mode below counts: a plain file, read and write by its owner.
        made_by, needed = (3 << 8) | 45, 45 if large else 20
        self._central += _CENTRAL.pack(
            b"PK\x01\x02", made_by, needed, UTF8, 0, 0, DOS_DATE, crc, size, size,
            len(raw), len(extra), 0, 0, 0, 0o100600 << 16, self._short(offset),
        )  # fmt: skip
        self._central += raw + extra
        self._count += 1

    def _counted(self, piece: bytes) -> bytes:
        self.bytes += len(piece)
        return piece
