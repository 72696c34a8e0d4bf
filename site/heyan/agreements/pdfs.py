"""What a signed agreement may be: a PDF that runs nothing and carries nothing (CONTROLS C-14).

It is kept as it came, since a signature over it must go on to verify, and is never opened here.
So no parser of PDF is trusted with it: every byte is searched for what acts, and so is everything
that comes out of a compressed stream, where objects may hide. Names may be written with escapes
(``/J#61vaScript``). What cannot be looked into (encryption, filters other than Flate around
objects, more than a bearable amount of data) is refused.
"""

from __future__ import annotations

import re
import zlib

MAX_PDF_BYTES = 5 * 1024 * 1024
# What may come out of all streams together; a hundred scanned pages stay far below.
MAX_INFLATED = 128 * 1024 * 1024
STEP = 1024 * 1024
FED = 64 * 1024
# Longer than any of the names below: what lies across two steps is seen whole.
OVERLAP = 64

# Actions that run or send something, files and media inside, forms that hold scripts.
ACTS = (
    "JavaScript",
    "Launch",
    "EmbeddedFile",
    "EmbeddedFiles",
    "FileAttachment",
    "RichMedia",
    "Rendition",
    "SubmitForm",
    "ImportData",
    "GoToE",
    "GoToR",
    "XFA",
    "Movie",
    "3DD",
)
_END = rb"(?=[\x00\t\n\x0c\r ()<>\[\]{}/%]|$)"
# A list after OpenAction is a place in the document where to begin, which most programs write.
_ACTS = re.compile(
    rb"/(?:" + b"|".join(name.encode() for name in ACTS) + rb")" + _END
    + rb"|/OpenAction(?!\s*\[)" + _END
)  # fmt: skip
_ENCRYPTED = re.compile(rb"/Encrypt" + _END)
_OBJECTS = re.compile(rb"/ObjStm" + _END)
_OTHER_FILTER = re.compile(
    rb"/(?:LZWDecode|ASCII85Decode|ASCIIHexDecode|RunLengthDecode|Crypt|LZW|A85|AHx)" + _END
)
# A stream of objects whose bytes are shifted by a predictor: within one dictionary.
_SHIFTED = re.compile(
    rb"/ObjStm(?:(?!endobj).){0,4096}?/Predictor|/Predictor(?:(?!endobj).){0,4096}?/ObjStm",
    re.DOTALL,
)
_STREAM = re.compile(rb"stream(?:\r\n|\r|\n)")
_ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")


class PdfRefused(Exception):
    """The file is no PDF of bearable size that can be shown to run nothing."""


def check_pdf(data: bytes) -> None:
    """Raise `PdfRefused` unless *data* is a PDF of bearable size that runs nothing (C-14)."""
    if not data.startswith(b"%PDF-") or len(data) > MAX_PDF_BYTES:
        raise PdfRefused
    if b"%%EOF" not in data[-2048:]:
        raise PdfRefused
    plain = _unescaped(data)
    if _ACTS.search(plain) or _ENCRYPTED.search(plain):
        raise PdfRefused
    if _OBJECTS.search(plain) and (_OTHER_FILTER.search(plain) or _SHIFTED.search(plain)):
        raise PdfRefused
    left = MAX_INFLATED
    for found in _STREAM.finditer(data):
        left = _look_into(data, found.end(), left)


def _unescaped(data: bytes) -> bytes:
    return _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), data)


def _look_into(data: bytes, start: int, left: int) -> int:
    """Search what inflates from *start*; return how much more may come out of the file."""
    inflating, before = zlib.decompressobj(), b""
    for at in range(start, len(data), FED):
        fed: bytes = data[at : at + FED]
        while fed and not inflating.eof:
            try:
                piece = inflating.decompress(fed, min(STEP, left + 1))
            except zlib.error:
                # Not compressed this way (a picture), or damaged from here on.
                return left
            left -= len(piece)
            if left < 0 or _ACTS.search(_unescaped(before + piece)):
                raise PdfRefused
            before, fed = piece[-OVERLAP:] or before, inflating.unconsumed_tail
        if inflating.eof:
            break
    return left
