"""Any colour a picture can come in, to sRGB on white. Runs in a decoder child."""

from __future__ import annotations

import io
from collections.abc import Callable

from PIL import Image, ImageCms

# Larger profiles are no profiles; Pillow bounds compressed ones in the same way.
MAX_PROFILE = 1024 * 1024
_PROFILE_MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def to_srgb(mode: str, profile: bytes | None) -> Callable[[Image.Image], Image.Image]:
    """Return what turns a picture (or a strip of one) of *mode* into sRGB."""
    transform = _transform(mode, profile)

    def convert(image: Image.Image) -> Image.Image:
        image = _opaque(image)
        if transform is not None and image.mode == transform.input_mode:
            return transform.apply(image)
        return image if image.mode == "RGB" else image.convert("RGB")

    return convert


def _transform(mode: str, profile: bytes | None) -> ImageCms.ImageCmsTransform | None:
    """Return the way from *profile* to sRGB, or None where there is none or nothing to do."""
    if not profile or len(profile) > MAX_PROFILE:
        return None
    try:
        found = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = _PROFILE_MODES.get(found.profile.xcolor_space.ljust(4))
        if "sRGB" in (found.profile.profile_description or ""):
            return None
        opaque = {"RGBA": "RGB", "RGBX": "RGB", "P": "RGB", "PA": "RGB", "LA": "L"}.get(mode, mode)
        if space is None or opaque != space:
            return None
        return ImageCms.ImageCmsTransform(
            found, _SRGB, space, "RGB", intent=ImageCms.Intent.PERCEPTUAL
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        # A broken profile says nothing about the colours: they are taken as sRGB.
        return None


def _opaque(image: Image.Image) -> Image.Image:
    """Return *image* without alpha, palette and depth: RGB, L or CMYK."""
    if image.mode in ("RGB", "L", "CMYK"):
        if "transparency" not in image.info:
            return image
        image = image.convert("RGBA")
    if image.mode.startswith("I;16"):
        return image.convert("I").point(lambda value: value / 256).convert("L")
    if image.mode in ("I", "F"):
        return image.point(lambda value: value / 256).convert("L")
    if image.mode == "1":
        return image.convert("L")
    if image.mode == "P":
        has_alpha = "transparency" in image.info
        image = image.convert("RGBA" if has_alpha else "RGB")
    if image.mode in ("PA", "La", "RGBa"):
        image = image.convert("RGBA")
    if image.mode == "LA":
        white = Image.new("L", image.size, 255)
        white.paste(image.getchannel("L"), mask=image.getchannel("A"))
        return white
    if image.mode == "RGBA":
        background = Image.new("RGB", image.size, "white")
        background.paste(image, mask=image)
        return background
    return image.convert("RGB")
