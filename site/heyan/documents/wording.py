"""Why a picture or an upload is refused: sentences that name the limit and what was measured."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _

from heyan.custody.images import ImageRefused
from heyan.documents.rules import Closed, Quota, QuotaReached, UploadClosed
from heyan.events.models import EventDocumentKind
from heyan.settings import Settings

MIB = 1024 * 1024


def size(count: Any) -> str:
    """Return bytes in MB or KB, as people read them."""
    try:
        number = int(count)
    except (TypeError, ValueError):
        return str(count)
    return f"{number / MIB:.1f} MB" if number >= MIB else f"{max(1, round(number / 1024))} KB"


def asked_for(spec: EventDocumentKind) -> str:
    """Return what the organizer wants the picture to be, empty where anything legible will do."""
    wanted = []
    if spec.width and spec.height:
        wanted.append(str(_("%(width)s×%(height)s 像素", width=spec.width, height=spec.height)))
    if spec.dpi:
        wanted.append(str(_("%(dpi)s DPI", dpi=spec.dpi)))
    if spec.min_bytes:
        wanted.append(
            str(_("%(least)s 到 %(most)s", least=size(spec.min_bytes), most=size(spec.max_bytes)))
        )
    elif wanted:
        wanted.append(str(_("不超过 %(most)s", most=size(spec.max_bytes))))
    return str(_("，")).join([*wanted, "JPEG"]) if wanted else ""


def closed_in_words(closed: UploadClosed) -> str:
    """Return why this document cannot be handed in now."""
    sentences: dict[Closed, str] = {
        Closed.WITHDRAWN: _("这次报名已经撤回，不能再上传材料。"),
        Closed.VERIFIED: _("这次报名已经核验通过，不需要再上传材料。"),
        Closed.NOT_OPEN: _("报名还没有开始，暂时不能上传。"),
        Closed.DRAFT_LATE: _("报名已经截止，不能再上传材料。"),
        Closed.TOO_LATE: _("补交材料的期限已过，不能再上传；有疑问请致电我们。"),
        Closed.ACCEPTED: _("这份材料已经核验通过，不需要重新上传。"),
        Closed.RELEASED: _("这份材料已经交给主办单位，正在核验；结果出来前不能替换。"),
        Closed.PACKING: _("这份材料正在编入批次，几分钟后再看；结果出来前不能替换。"),
    }
    return sentences[closed.why]


def quota_in_words(reached: QuotaReached) -> str:
    """Return which quota is used up, and when to come back."""
    limit = reached.limit
    sentences: dict[Quota, str] = {
        Quota.HOUR: _("一小时内最多上传 %(limit)s 次，已经用完，请过一会儿再试。", limit=limit),
        Quota.DAY: _("24 小时内最多上传 %(limit)s 次，已经用完，请明天再试。", limit=limit),
        Quota.BYTES: _("24 小时内最多上传 %(limit)s，已经用完，请明天再试。", limit=size(limit)),
        Quota.DOCUMENTS: _("一次报名最多保存 %(limit)s 份材料，旧的销毁后可以再传。", limit=limit),
        Quota.REPLACEMENTS: _(
            "同一份材料 24 小时内最多替换 %(limit)s 次，请明天再试。", limit=limit
        ),
    }
    return sentences[reached.quota]


def too_large(limit: Any, measured: Any) -> str:
    """Return that the upload is larger than *limit* bytes."""
    if measured is None:
        words: str = _(
            "文件超过了 %(limit)s 的上限，已停止接收。请换一张较小的照片，或降低拍摄分辨率。",
            limit=size(limit),
        )
        return words
    return str(
        _(
            "文件最大 %(limit)s，这次上传有 %(measured)s。请换一张较小的照片，或降低拍摄分辨率。",
            limit=size(limit),
            measured=size(measured),
        )
    )


def warning_in_words(code: str) -> str:
    """Return what may make a picture hard to read."""
    sentences: dict[str, str] = {
        "blurred": _("照片看起来有些模糊，主办单位可能看不清文字。"),
        "small": _("照片的像素偏少，放大后可能看不清文字。"),
        "dark": _("照片偏暗，文字可能看不清。"),
    }
    return sentences.get(code) or str(_("这张照片可能不容易看清。"))


def _pixels(count: Any) -> str:
    """Return a number of pixels in tens of thousands, as cameras are sold."""
    try:
        number = int(count)
    except (TypeError, ValueError):
        return str(count)
    return str(_("%(count)s 万像素", count=f"{number / 10_000:,.0f}"))


def _wrong_ratio(limit: str, measured: str) -> str:
    """Say how many pixels to cut from which sides, so that WIDTHxHEIGHT *measured* fits *limit*."""
    if "x" not in limit or "x" not in measured:
        return ""
    width, height = (int(side) for side in limit.split("x"))
    has_width, has_height = (int(side) for side in measured.split("x"))
    kept = min(has_width, round(has_height * width / height))
    left = min(has_height, round(has_width * height / width))
    sizes = {
        "limit": f"{width}×{height}",
        "measured": f"{has_width}×{has_height}",
        "kept": f"{kept}×{left}",
    }
    if kept < has_width:
        return str(
            _(
                "照片的宽高比例要是 %(limit)s，这张是 %(measured)s 像素，太宽。"
                "请用手机相册的裁剪，左右一共裁去 %(cut)s 像素，裁成 %(kept)s，人像居中，再上传。",
                cut=has_width - kept,
                **sizes,
            )
        )
    return str(
        _(
            "照片的宽高比例要是 %(limit)s，这张是 %(measured)s 像素，太高。"
            "请用手机相册的裁剪，上下一共裁去 %(cut)s 像素，裁成 %(kept)s，头顶留一点空，再上传。",
            cut=has_height - left,
            **sizes,
        )
    )


def _of_size(refused: ImageRefused) -> str | None:
    """Return the sentence for what is too large or too small, or None."""
    limit, measured = refused.limit, refused.measured
    sentences: dict[str, str] = {
        "file_too_large": too_large(limit, measured),
        "pdf_too_large": _(
            "PDF 文件最大 %(limit)s，这个文件有 %(measured)s。请只保留需要的页，或改为上传照片。",
            limit=size(limit),
            measured=size(measured),
        ),
        "too_many_pixels": _(
            "照片最多 %(limit)s，这张有 %(measured)s。"
            "请降低拍摄分辨率，或另存为较小的 JPEG 再上传。",
            limit=_pixels(limit),
            measured=_pixels(measured),
        ),
        "side_too_long": _(
            "照片的长边最多 %(limit)s 像素，这张有 %(measured)s 像素。请缩小后再上传。",
            limit=limit,
            measured=measured,
        ),
        "too_small": _(
            "照片的长边至少要有 %(limit)s 像素才能看清，这张只有 %(measured)s 像素。"
            "请上传原图，或重新拍摄。",
            limit=limit,
            measured=measured,
        ),
        "wrong_ratio": _wrong_ratio(str(limit), str(measured)),
        "too_few_bytes": _(
            "主办单位要求文件不小于 %(limit)s，这张照片转换后最多只有 %(measured)s。"
            "请上传更清晰的原图。",
            limit=size(limit),
            measured=size(measured),
        ),
        "too_many_bytes": _(
            "主办单位要求文件不超过 %(limit)s，这张照片压缩后仍有 %(measured)s。"
            "请换一张背景简单的照片。",
            limit=size(limit),
            measured=size(measured),
        ),
        "pdf_pages": _(
            "PDF 最多 %(limit)s 页，这个文件有 %(measured)s 页。请只保留需要的页。",
            limit=limit,
            measured=measured,
        ),
    }
    return sentences.get(refused.code)


def refusal_in_words(refused: ImageRefused, settings: Settings) -> str:
    """Return why a file cannot be taken, with the limit and the measured value."""
    sized = _of_size(refused)
    if sized is not None:
        return sized
    if refused.code == "format":
        return _format_in_words(str(refused.limit), str(refused.measured))
    unreadable = _("这个文件无法读出照片。请重新拍摄，或另存为普通的 JPEG 再上传。")
    sentences: dict[str, str] = {
        "empty": _("这个文件是空的，请重新选择照片。"),
        "pdf_encrypted": _("这个 PDF 设有密码，无法打开。请取消密码，或改为上传照片。"),
        "damaged": _("这个文件不完整或已损坏，无法读出照片。请重新拍摄，或重新导出后再上传。"),
        "too_complex": _(
            "这张照片处理起来超过了允许的时间（%(seconds)s 秒）或内存（%(memory)s）。"
            "请降低拍摄分辨率，或另存为普通的 JPEG 再上传。",
            seconds=settings.decoder_wall_seconds,
            memory=size(settings.decoder_memory_bytes),
        ),
        "pdf_too_complex": _(
            "这个 PDF 太复杂，%(seconds)s 秒内没有画完。请把证件拍成照片再上传。",
            seconds=refused.limit,
        ),
        "too_many_pieces": unreadable,
        "decoder_failed": unreadable,
        "busy": _("现在上传的人很多，请半分钟后再试一次。"),
    }
    return sentences[refused.code]


def _format_in_words(taken: str, found: str) -> str:
    """Return what is taken and what came; the file's name plays no part."""
    if found == "unknown":
        words: str = _(
            "可以上传 %(taken)s，这个文件的内容不是其中任何一种。请上传手机拍摄的照片。",
            taken=taken,
        )
        return words
    return str(
        _(
            "可以上传 %(taken)s，这个文件的内容是 %(found)s，改了扩展名也无法识别。"
            "请上传手机拍摄的照片。",
            taken=taken,
            found=found,
        )
    )
