"""What a file is by its first bytes, before any decoder sees it. Names, not trust."""

from __future__ import annotations

ACCEPTED = ("JPEG", "PNG", "WebP", "HEIC", "PDF")

_HEIF = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_HEIF_COMMON = {b"mif1", b"msf1", b"mif2"}
_AVIF = {b"avif", b"avis"}

# Refused, but by name, so that the person knows what they sent.
_OTHERS = (
    (b"GIF8", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
    (b"BM", "BMP"),
    (b"8BPS", "PSD"),
    (b"%!PS", "EPS"),
    (b"\xc5\xd0\xd3\xc6", "EPS"),
    (b"SIMPLE  =", "FITS"),
    (b"\0\0\1\0", "ICO"),
    (b"\0\0\2\0", "CUR"),
    (b"icns", "ICNS"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"PK\3\4", "ZIP"),
    (b"PK\5\6", "ZIP"),
    (b"Rar!", "RAR"),
    (b"7z\xbc\xaf", "7z"),
    (b"\x1f\x8b", "gzip"),
    (b"\xd0\xcf\x11\xe0", "Office"),
    (b"{\\rtf", "RTF"),
    (b"MZ", "EXE"),
    (b"\x7fELF", "ELF"),
    (b"ID3", "MP3"),
    (b"OggS", "Ogg"),
    (b"\x1aE\xdf\xa3", "Matroska"),
    (b"#!", "script"),
    (b"<?php", "script"),
)


def sniff(data: bytes) -> str:
    """Return the name of *data*'s format, one of `ACCEPTED` or another, or ``unknown``."""
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"RIFF"):
        return {b"WEBP": "WebP", b"WAVE": "WAV", b"AVI ": "AVI"}.get(data[8:12], "RIFF")
    if data[4:8] == b"ftyp":
        return _brand(data)
    if data.startswith(b"%PDF-"):
        return "PDF"
    for magic, name in _OTHERS:
        if data.startswith(magic):
            return name
    return _text(data[:1024])


def _brand(data: bytes) -> str:
    """Return what an ISO base media file says it is: HEIC counts, its cousins do not."""
    size = min(int.from_bytes(data[:4], "big"), 256, len(data))
    major = data[8:12]
    brands = {major} | {data[place : place + 4] for place in range(16, size - 3, 4)}
    if major in _HEIF or (major in _HEIF_COMMON and brands & _HEIF):
        return "HEIC"
    if major in _AVIF or brands & _AVIF:
        return "AVIF"
    if major in _HEIF_COMMON:
        return "HEIF"
    return "MP4"


def _text(head: bytes) -> str:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if b"<svg" in text:
        return "SVG"
    if text.startswith(b"<?xml"):
        return "XML"
    if text.startswith((b"<!doctype html", b"<html", b"<script", b"<head", b"<body", b"<!--")):
        return "HTML"
    if head and b"\0" not in head and all(byte >= 0x20 or byte in b"\t\r\n\f" for byte in head):
        return "text"
    return "unknown"
