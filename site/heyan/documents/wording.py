"""Why a picture or an upload is refused: sentences that name the limit and what was measured."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _

from heyan.custody.images import ImageRefused
from heyan.documents.rules import Closed, Quota, QuotaReached, UploadClosed
from heyan.settings import Settings

MIB = 1024 * 1024


def size(count: Any) -> str:
    """Return bytes in MB or KB, as people read them."""
    try:
        number = int(count)
    except (TypeError, ValueError):
        return str(count)
    return f"{number / MIB:.1f} MB" if number >= MIB else f"{max(1, round(number / 1024))} KB"


def closed_in_words(closed: UploadClosed) -> str:
    """Return why this document cannot be handed in now."""
    return {
        Closed.WITHDRAWN: _("这次报名已经撤回，不能再上传材料。"),
        Closed.VERIFIED: _("这次报名已经核验通过，不需要再上传材料。"),
        Closed.NOT_OPEN: _("报名还没有开始，暂时不能上传。"),
        Closed.DRAFT_LATE: _("报名已经截止，不能再上传材料。"),
        Closed.TOO_LATE: _("补交材料的期限已过，不能再上传；有疑问请致电我们。"),
        Closed.ACCEPTED: _("这份材料已经核验通过，不需要重新上传。"),
        Closed.RELEASED: _("这份材料已经交给主办单位，正在核验；结果出来前不能替换。"),
        Closed.PACKING: _("这份材料正在编入批次，几分钟后再看；结果出来前不能替换。"),
    }[closed.why]


def quota_in_words(reached: QuotaReached) -> str:
    """Return which quota is used up, and when to come back."""
    limit = reached.limit
    return {
        Quota.HOUR: _("一小时内最多上传 %(limit)s 次，已经用完，请过一会儿再试。", limit=limit),
        Quota.DAY: _("24 小时内最多上传 %(limit)s 次，已经用完，请明天再试。", limit=limit),
        Quota.BYTES: _("24 小时内最多上传 %(limit)s，已经用完，请明天再试。", limit=size(limit)),
        Quota.DOCUMENTS: _("一次报名最多保存 %(limit)s 份材料，旧的销毁后可以再传。", limit=limit),
        Quota.REPLACEMENTS: _(
            "同一份材料 24 小时内最多替换 %(limit)s 次，请明天再试。", limit=limit
        ),
    }[reached.quota]


def too_large(limit: int, measured: int | None) -> str:
    """Return that the upload is larger than *limit* bytes."""
    if measured is None:
        return _(
            "文件超过了 %(limit)s 的上限，已停止接收。请换一张较小的照片，或降低拍摄分辨率。",
            limit=size(limit),
        )
    return _(
        "文件最大 %(limit)s，这次上传有 %(measured)s。请换一张较小的照片，或降低拍摄分辨率。",
        limit=size(limit),
        measured=size(measured),
    )


def warning_in_words(code: str) -> str:
    """Return what may make a picture hard to read."""
    return {
        "blurred": _("照片看起来有些模糊，主办单位可能看不清文字。"),
        "small": _("照片的像素偏少，放大后可能看不清文字。"),
        "dark": _("照片偏暗，文字可能看不清。"),
    }.get(code, _("这张照片可能不容易看清。"))


def refusal_in_words(refused: ImageRefused, settings: Settings) -> str:
    """Return why a file cannot be taken, with the limit and the measured value."""
    limit, measured = refused.limit, refused.measured
    raise KeyError(limit, measured, settings)
