"""The offline desk: one self-contained `index.html` inside each release (C-55, Q11).

It runs from file://, outside our headers: a meta CSP admits exactly its own script and style by
hash, and no connection. The data stands in a JSON block with every ``<`` escaped; the script puts
it on the page as text only.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

_WORDS: dict[str, dict[str, str]] = {
    "zh-CN": {
        "title": "离线核验台",
        "name": "姓名",
        "id_number": "证件号",
        "birth_date": "出生日期",
        "list": "名单",
        "accept": "通过",
        "return": "退回并说明",
        "undo": "撤销",
        "previous": "上一份",
        "next": "下一份",
        "zoom_in": "放大",
        "zoom_out": "缩小",
        "fit": "适合窗口",
        "rotate": "旋转",
        "save": "保存结果文件",
        "reason": "退回原因",
        "text": "说明",
        "missing": "这份证件没有图片",
        "open": "待核",
        "accepted": "已通过",
        "returned": "已退回",
        "progress": "进度",
        "note": "结果只留在这个页面里。关闭之前请保存结果文件，再到核验台上传。",
        "needs_script": "这个页面需要开启 JavaScript。也可以直接看 pictures 文件夹和 index.csv。",
    },
    "en": {
        "title": "Offline desk",
        "name": "Name",
        "id_number": "ID number",
        "birth_date": "Date of birth",
        "list": "People",
        "accept": "Accept",
        "return": "Return with a reason",
        "undo": "Undo",
        "previous": "Previous",
        "next": "Next",
        "zoom_in": "Zoom in",
        "zoom_out": "Zoom out",
        "fit": "Fit",
        "rotate": "Rotate",
        "save": "Save the result file",
        "reason": "Reason",
        "text": "Explanation",
        "missing": "There is no picture of this document",
        "open": "Open",
        "accepted": "Accepted",
        "returned": "Returned",
        "progress": "Progress",
        "note": "Results stay on this page only. Save the result file before you close it.",
        "needs_script": "This page needs JavaScript. The pictures folder and index.csv also work.",
    },
}


def _source(text: str) -> str:
    """Return the CSP source for an inline block."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def _escaped(text: str) -> str:
    """Return JSON that cannot end its script element nor open a comment in it."""
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _json_block(value: object) -> str:
    return _escaped(json.dumps(value, ensure_ascii=False, allow_nan=False))


def render_offline_desk(index: dict[str, Any], *, language: str = "zh-CN") -> bytes:
    """Return the offline desk's page for a release's *index* (SPEC ``heyan-index/1``).

    Raises `ValueError` for a language other than ``zh-CN`` and ``en``.
    """
    text = json.dumps(index, ensure_ascii=False, allow_nan=False)
    return b"".join(offline_desk_parts([text], language=language))


def offline_desk_parts(index_json: Iterable[str], *, language: str = "zh-CN") -> list[bytes]:
    """Return the page in pieces; *index_json* is the index as JSON text, cut anywhere.

    Raises `ValueError` as `render_offline_desk` does.
    """
    if language not in _WORDS:
        raise ValueError(f"no offline desk in {language}")
    words = _WORDS[language]
    here = files(__package__)
    script = here.joinpath("desk.js").read_text(encoding="utf-8")
    style = here.joinpath("desk.css").read_text(encoding="utf-8")
    policy = (
        f"default-src 'none'; script-src {_source(script)}; style-src {_source(style)}; "
        "img-src 'self' file:; base-uri 'none'; form-action 'none'"
    )
    head = (
        f'<!doctype html>\n<html lang="{language}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(words['title'])}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f"<noscript><p>{html.escape(words['needs_script'])}</p></noscript>\n"
        f'<script type="application/json" id="words">{_json_block(words)}</script>\n'
        '<script type="application/json" id="index">'
    )
    tail = f"</script>\n<script>{script}</script>\n</body>\n</html>\n"
    return [
        head.encode(),
        *(_escaped(piece).encode("utf-8", errors="replace") for piece in index_json),
        tail.encode(),
    ]
