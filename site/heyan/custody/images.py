"""Make a picture safe and mark it: bytes from a stranger in, a clean JPEG out.

`normalise` looks at the first bytes, then hands the file to a supervised child process
(`heyan.custody.pool`), which decodes, turns upright, converts to sRGB, draws the mark and encodes
in one pass (`heyan.custody.raster`). Nothing of the original bytes goes further: no metadata, no
trailing data, no second frame. The clean picture exists in the child's memory alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from heyan.custody.sniffing import ACCEPTED, sniff

if TYPE_CHECKING:
    from heyan.custody.pool import DecoderPool

MIB = 1024 * 1024
PURPOSE = "仅供身份核验"

# Every code an `ImageRefused` can carry, with what ``limit`` and ``measured`` are.
REFUSALS = {
    "empty": "no bytes",
    "format": "limit: what is taken; measured: what this is, by its first bytes",
    "file_too_large": "bytes",
    "pdf_too_large": "bytes",
    "too_many_pixels": "pixels",
    "side_too_long": "pixels",
    "too_small": "pixels of the long side",
    "wrong_ratio": "limit: WIDTHxHEIGHT that is asked for; measured: WIDTHxHEIGHT that came",
    "too_few_bytes": "bytes of the best picture that could be made",
    "too_many_bytes": "bytes of the smallest picture that could be made",
    "pdf_pages": "pages",
    "pdf_encrypted": "a PDF that asks for a password",
    "damaged": "truncated, or not decodable",
    "too_complex": "more time or memory than one picture may take; limit: seconds or bytes",
    "pdf_too_complex": "a PDF that was not drawn in time; seconds",
    "too_many_pieces": "made of more segments, chunks or scans than any picture has",
    "decoder_failed": "the decoder died of it",
    "busy": "no decoder came free; limit: seconds waited",
}


class ImageRefused(Exception):
    """The file is not taken. ``code`` is a key of `REFUSALS`, which says what the others are."""

    def __init__(
        self, code: str, limit: int | str | None = None, measured: int | str | None = None
    ) -> None:
        super().__init__(f"{code} (limit {limit}, measured {measured})")
        self.code = code
        self.limit = limit
        self.measured = measured


class LimitSettings(Protocol):
    """The settings that limit pictures, by the names they have in `heyan.settings_limits`."""

    @property
    def max_upload_bytes(self) -> int: ...
    @property
    def max_pdf_bytes(self) -> int: ...
    @property
    def max_pdf_pages(self) -> int: ...
    @property
    def pdf_long_side(self) -> int: ...
    @property
    def max_jpeg_pixels(self) -> int: ...
    @property
    def max_other_pixels(self) -> int: ...
    @property
    def max_side(self) -> int: ...
    @property
    def decoder_processes(self) -> int: ...
    @property
    def decoder_cpu_seconds(self) -> int: ...
    @property
    def decoder_wall_seconds(self) -> int: ...
    @property
    def pdf_cpu_seconds(self) -> int: ...
    @property
    def decoder_memory_bytes(self) -> int: ...


@dataclass(frozen=True)
class Limits:
    """What one picture may cost (CONTROLS section 5). Sizes in bytes, pixels and seconds."""

    max_bytes: int = 30 * MIB
    max_pdf_bytes: int = 20 * MIB
    max_pdf_pages: int = 4
    pdf_long_side: int = 3000
    max_jpeg_pixels: int = 200_000_000
    max_other_pixels: int = 50_000_000
    max_side: int = 30_000
    processes: int = 1
    cpu_seconds: int = 10
    wall_seconds: int = 15
    pdf_seconds: int = 2
    memory_bytes: int = 512 * MIB

    @classmethod
    def from_settings(cls, settings: LimitSettings) -> Limits:
        """Return the limits that *settings* holds."""
        return cls(
            max_bytes=settings.max_upload_bytes,
            max_pdf_bytes=settings.max_pdf_bytes,
            max_pdf_pages=settings.max_pdf_pages,
            pdf_long_side=settings.pdf_long_side,
            max_jpeg_pixels=settings.max_jpeg_pixels,
            max_other_pixels=settings.max_other_pixels,
            max_side=settings.max_side,
            processes=settings.decoder_processes,
            cpu_seconds=settings.decoder_cpu_seconds,
            wall_seconds=settings.decoder_wall_seconds,
            pdf_seconds=settings.pdf_cpu_seconds,
            memory_bytes=settings.decoder_memory_bytes,
        )


@dataclass(frozen=True)
class PictureSpec:
    """What the picture must become.

    ``min_bytes`` and ``max_bytes`` bound the JPEG; ``min_side`` the long side of what comes, in
    pixels; ``width`` and ``height``, where both are set, are the exact pixels of what goes out;
    ``dpi`` is written into it; ``rotation`` is what the person turned it by, in degrees clockwise.
    """

    min_bytes: int = 0
    max_bytes: int = 2_000_000
    min_side: int = 800
    width: int = 0
    height: int = 0
    dpi: int = 0
    rotation: int = 0
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True)
class Mark:
    """The purpose that is drawn all over the picture. ``date`` as it shall read (2026-11-24)."""

    organizer: str
    event: str
    document_number: str
    date: str
    purpose: str = PURPOSE

    def lines(self) -> list[str]:
        """Return the lines, as they stand below one another in each tile."""
        last = f"{self.document_number} {self.date}"
        return [one for one in (self.organizer, self.event, self.purpose, last) if one.strip()]


@dataclass(frozen=True)
class Normalised:
    """A JPEG fit to be sealed; ``warnings`` are ``blurred``, ``small``, ``dark`` or none.

    ``pages`` is 1, or the number of pages of a PDF, which stand below one another in one picture.
    ``sharpness`` is the measure behind ``blurred`` (`raster.sharpness`).
    """

    data: bytes
    width: int
    height: int
    pages: int
    warnings: tuple[str, ...]
    sharpness: int


def normalise(
    data: bytes, spec: PictureSpec, mark: Mark | None, *, pool: DecoderPool | None = None
) -> Normalised:
    """Return the picture in *data* as *spec* wants it, with *mark* unless that is None.

    Raises `ImageRefused`. Blocks for at most twice the wall limit; safe from many threads.
    """
    from heyan.custody.pool import default_pool

    limits = spec.limits
    if not data:
        raise ImageRefused("empty")
    kind = sniff(data)
    if kind not in ACCEPTED:
        raise ImageRefused("format", ", ".join(ACCEPTED), kind)
    if kind == "PDF" and len(data) > limits.max_pdf_bytes:
        raise ImageRefused("pdf_too_large", limits.max_pdf_bytes, len(data))
    if len(data) > limits.max_bytes:
        raise ImageRefused("file_too_large", limits.max_bytes, len(data))
    head, picture = _decoded(pool or default_pool(limits), _request(kind, spec, mark), data)
    return Normalised(
        data=picture,
        width=head["width"],
        height=head["height"],
        pages=head["pages"],
        warnings=tuple(head["warnings"]),
        sharpness=head["sharpness"],
    )


def _decoded(
    pool: DecoderPool, request: dict[str, Any], data: bytes
) -> tuple[dict[str, Any], bytes]:
    try:
        head, picture = pool.run(request, data)
    except ImageRefused as refused:
        if refused.code == "too_complex" and "seconds" in request:
            raise ImageRefused("pdf_too_complex", request["seconds"]) from refused
        raise
    if "refused" in head:
        raise ImageRefused(*head["refused"])
    return head, picture


def _request(kind: str, spec: PictureSpec, mark: Mark | None) -> dict[str, Any]:
    limits = spec.limits
    request = {
        "kind": kind,
        "min_bytes": spec.min_bytes,
        "max_bytes": spec.max_bytes,
        "min_side": spec.min_side,
        "width": spec.width,
        "height": spec.height,
        "dpi": spec.dpi,
        "rotation": spec.rotation % 360,
        "lines": mark.lines() if mark else [],
        "max_pdf_pages": limits.max_pdf_pages,
        "pdf_long_side": limits.pdf_long_side,
        "max_jpeg_pixels": limits.max_jpeg_pixels,
        "max_other_pixels": limits.max_other_pixels,
        "max_side": limits.max_side,
    }
    if kind == "PDF":
        # A page can be a program: it gets less time than a picture's pixels (C-04).
        request["seconds"] = limits.pdf_seconds
    return request
