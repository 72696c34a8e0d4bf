"""What a recording is by its first bytes: names, not trust. Nothing here decodes sound."""

from __future__ import annotations

# As many bytes as `sniff_audio` looks at.
HEAD = 64
FORMATS = ("mp3", "m4a", "wav", "amr", "ogg")
# Recorders of telephones write sound into ISO base media under these brands.
_BRANDS = {b"M4A ", b"M4B ", b"mp41", b"mp42", b"isom", b"iso2", b"3gp4", b"3gp5", b"3gp6", b"dash"}
_OGG_SOUND = (b"OpusHead", b"\x01vorbis", b"Speex   ", b"\x7fFLAC")
_WAVE_HEAD = 12


def sniff_audio(head: bytes) -> str | None:
    """Return which of `FORMATS` the bytes begin, or None for anything else."""
    if head.startswith((b"#!AMR\n", b"#!AMR-WB\n")):
        return "amr"
    if head.startswith(b"RIFF") and head[8:_WAVE_HEAD] == b"WAVE":
        return "wav"
    if head.startswith(b"OggS"):
        # The first packet of the first page begins after its table of segments.
        begin = 27 + (head[26] if len(head) > 26 else 0)
        return "ogg" if head[begin:].startswith(_OGG_SOUND) else None
    if head[4:8] == b"ftyp":
        return "m4a" if head[8:12] in _BRANDS else None
    if head.startswith(b"ID3") and len(head) > 10 and head[3] in (2, 3, 4):
        return "mp3"
    return "mp3" if _mpeg_frame(head) else None


def _mpeg_frame(head: bytes) -> bool:
    """Tell whether the bytes are the head of a frame of MPEG audio, layer III."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bitrate, rate = head[2] >> 4, head[2] >> 2 & 3
    return version != 1 and layer == 1 and bitrate not in (0, 15) and rate != 3
