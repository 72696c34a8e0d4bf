"""What people call each kind of identity document, and what a good picture of it shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _l

from heyan.events.models import DocumentKind

K = DocumentKind


@dataclass(frozen=True)
class KindWords:
    """The words of one kind: its name, and how to photograph it."""

    label: Any
    how: Any


WORDS: dict[DocumentKind, KindWords] = {
    K.ID_CARD_FRONT: KindWords(
        _l("身份证人像面"), _l("有照片和姓名的一面，四个角都在画面里，文字能看清。")
    ),
    K.ID_CARD_BACK: KindWords(
        _l("身份证国徽面"), _l("有国徽和有效期限的一面，四个角都在画面里，日期能看清。")
    ),
    K.PASSPORT: KindWords(_l("护照资料页"), _l("有照片的一页，连同最下面两行字符一起拍全。")),
    K.TRAVEL_PERMIT: KindWords(
        _l("来往内地通行证"), _l("有照片的一面，四个角都在画面里，证件号码能看清。")
    ),
    K.HOUSEHOLD_PAGE: KindWords(
        _l("户口簿本人页"), _l("学员本人的那一页，整页拍平，登记内容能看清。")
    ),
    K.STUDENT_CARD: KindWords(_l("学生证"), _l("有照片、姓名和学校的一页，印章和有效期能看清。")),
    K.PORTRAIT: KindWords(_l("证件照"), _l("近期免冠正面照，背景干净，五官清楚，不戴帽子和墨镜。")),
}


def label(kind: DocumentKind) -> Any:
    """Return what people call *kind*."""
    return WORDS[kind].label
