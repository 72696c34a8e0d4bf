"""WebP without its animation buffers: the first frame, scaled while it is decoded.

Pillow decodes WebP through the animation interface, which keeps three whole canvases: 600 MB at
50 megapixels. libwebp's plain interface scales as it decodes. It is called in the copy that
Pillow brings along; where that is not found, Pillow's way is taken, and the memory limit holds.
"""

from __future__ import annotations

import ctypes
import io
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import PIL
from PIL import Image, WebPImagePlugin

# WEBP_DECODER_ABI_VERSION; only its upper byte must agree.
ABI = 0x0209
MODE_RGBA = 1
# Larger profiles and EXIF blocks are not looked at.
MAX_ASIDE = 1024 * 1024


class _Features(ctypes.Structure):
    _fields_ = [
        ("width", ctypes.c_int),
        ("height", ctypes.c_int),
        ("has_alpha", ctypes.c_int),
        ("has_animation", ctypes.c_int),
        ("format", ctypes.c_int),
        ("pad", ctypes.c_uint32 * 5),
    ]


class _Rgba(ctypes.Structure):
    _fields_ = [
        ("pixels", ctypes.c_void_p),
        ("stride", ctypes.c_int),
        ("size", ctypes.c_size_t),
    ]


class _Planes(ctypes.Union):
    # The YUVA member is the larger one: four pointers, four strides, four sizes.
    _fields_ = [("rgba", _Rgba), ("room", ctypes.c_uint64 * 10)]


class _Buffer(ctypes.Structure):
    _fields_ = [
        ("colorspace", ctypes.c_int),
        ("width", ctypes.c_int),
        ("height", ctypes.c_int),
        ("is_external", ctypes.c_int),
        ("planes", _Planes),
        ("pad", ctypes.c_uint32 * 4),
        ("private", ctypes.c_void_p),
    ]


class _Options(ctypes.Structure):
    _fields_ = [
        ("bypass_filtering", ctypes.c_int),
        ("no_fancy_upsampling", ctypes.c_int),
        ("use_cropping", ctypes.c_int),
        ("crop", ctypes.c_int * 4),
        ("use_scaling", ctypes.c_int),
        ("scaled_width", ctypes.c_int),
        ("scaled_height", ctypes.c_int),
        ("use_threads", ctypes.c_int),
        ("dithering", ctypes.c_int),
        ("flip", ctypes.c_int),
        ("alpha_dithering", ctypes.c_int),
        ("pad", ctypes.c_uint32 * 5),
    ]


class _Config(ctypes.Structure):
    _fields_ = [("input", _Features), ("output", _Buffer), ("options", _Options)]


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL | None:
    """Return the libwebp that Pillow has loaded, or None."""
    beside = Path(PIL.__file__).parents[1] / "pillow.libs"
    for path in sorted(beside.glob("libwebp-*.so*")):
        try:
            found = ctypes.CDLL(str(path))
            if found.WebPGetDecoderVersion() >> 16 == 1:
                found.WebPDecode.argtypes = [
                    ctypes.c_char_p,
                    ctypes.c_size_t,
                    ctypes.POINTER(_Config),
                ]
                return found
        except (OSError, AttributeError):
            continue
    return None


def _chunks(data: bytes, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, begin and end of each chunk's body between *start* and *end*."""
    while start + 8 <= end:
        length = _number(data[start + 4 : start + 8])
        begin = start + 8
        if begin + length > end:
            raise ValueError("a chunk is longer than its file")
        yield data[start : start + 4], begin, begin + length
        start = begin + length + length % 2


def _number(raw: bytes) -> int:
    return int.from_bytes(raw, "little")


def dimensions(data: bytes) -> tuple[int, int]:
    """Return width and height by the first chunk. Raises ValueError."""
    chunk, body = data[12:16], data[20:30]
    if len(body) < 10:
        raise ValueError("too short for a WebP")
    if chunk == b"VP8X":
        return _number(body[4:7]) + 1, _number(body[7:10]) + 1
    if chunk == b"VP8L":
        bits = _number(body[1:5])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 ":
        return _number(body[6:8]) & 0x3FFF, _number(body[8:10]) & 0x3FFF
    raise ValueError("no WebP")


def decode(
    data: bytes, size: tuple[int, int], factor: int
) -> tuple[Image.Image, bytes | None, int]:
    """Return the first frame, shrunk by *factor* or whole; its colour profile; its orientation.

    Raises ValueError or OSError.
    """
    profile: bytes | None = None
    exif: bytes | None = None
    frame: tuple[int, int] | None = None
    end = min(len(data), 8 + _number(data[4:8]))
    # The first of each counts, as for every other reader.
    for name, begin, stop in _chunks(data, 12, end):
        if name == b"ICCP" and profile is None and stop - begin <= MAX_ASIDE:
            profile = data[begin:stop]
        elif name == b"EXIF" and exif is None and stop - begin <= MAX_ASIDE:
            exif = data[begin:stop]
        elif name == b"ANMF" and frame is None:
            frame = (begin, stop)
    orientation = _orientation(exif) if exif is not None else 1
    library = _library()
    if library is None:
        image = WebPImagePlugin.WebPImageFile(io.BytesIO(data))
        image.load()
        return image, profile, orientation
    if frame is not None:
        return _first_frame(library, data, size, frame), profile, orientation
    return _scaled(library, data, size, factor), profile, orientation


def _orientation(exif: bytes) -> int:
    found = Image.Exif()
    try:
        found.load(exif)
        return int(found.get(0x0112, 1))
    except Exception:  # noqa: BLE001  # a broken EXIF block says nothing, and stops nobody
        return 1


def _first_frame(
    library: ctypes.CDLL, data: bytes, size: tuple[int, int], frame: tuple[int, int]
) -> Image.Image:
    """Return the first frame of an animation where it lies on its canvas, which is white."""
    begin, stop = frame
    left, top = 2 * _number(data[begin : begin + 3]), 2 * _number(data[begin + 3 : begin + 6])
    width = _number(data[begin + 6 : begin + 9]) + 1
    height = _number(data[begin + 9 : begin + 12]) + 1
    if left + width > size[0] or top + height > size[1]:
        raise ValueError("a frame beyond its canvas")
    # A still picture of its own: VP8X with alpha where there is an ALPH chunk, then the chunks.
    inner = data[begin + 16 : stop]
    alone = b"VP8X" + (10).to_bytes(4, "little")
    alone += bytes([0x10 if inner.startswith(b"ALPH") else 0, 0, 0, 0])
    alone += (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little") + inner
    still = b"RIFF" + (len(alone) + 4).to_bytes(4, "little") + b"WEBP" + alone
    picture = _scaled(library, still, (width, height), 1)
    if (width, height) == size:
        return picture
    canvas = Image.new("RGB", size, "white")
    canvas.paste(picture, (left, top), picture)
    return canvas


def _scaled(library: ctypes.CDLL, data: bytes, size: tuple[int, int], factor: int) -> Image.Image:
    """Return the picture as libwebp scales it. Raises OSError."""
    width, height = -(-size[0] // factor), -(-size[1] // factor)
    pixels = bytearray(width * height * 4)
    target = (ctypes.c_char * len(pixels)).from_buffer(pixels)
    config = _Config()
    if not library.WebPInitDecoderConfigInternal(ctypes.byref(config), ABI):
        raise OSError("another libwebp")
    output, options = config.output, config.options
    output.colorspace = MODE_RGBA
    output.is_external = 1
    output.planes.rgba = _Rgba(ctypes.addressof(target), width * 4, len(pixels))
    if factor > 1:
        options.use_scaling, options.scaled_width, options.scaled_height = 1, width, height
    if library.WebPDecode(data, len(data), ctypes.byref(config)) != 0:
        raise OSError("libwebp could not decode it")
    return Image.frombuffer("RGBA", (width, height), pixels, "raw", "RGBA", 0, 1)
