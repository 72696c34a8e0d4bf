"""What the demonstration shows: organizers, three events, and what each asks for. Data only."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from heyan.events.models import DocumentKind, EventKind

CHINA = ZoneInfo("Asia/Shanghai")
K = DocumentKind


@dataclass(frozen=True)
class DemoEvent:
    """One event; times are days from now and an hour of that day in China."""

    organizer: str
    slug: str
    prefix: str
    kind: EventKind
    title: str
    title_en: str
    summary: str
    summary_en: str
    description: str
    description_en: str
    place: str
    fee_fen: int
    capacity: int | None
    closes: tuple[int, int]
    starts: tuple[int, int]
    lasts_days: int
    documents: tuple[tuple[DocumentKind, bool, str], ...]
    fields: tuple[dict[str, Any], ...] = field(default=())


def at(now: datetime, days: int, hour: int) -> datetime:
    """Return the moment *days* from now at *hour* o'clock in China."""
    day = now.astimezone(CHINA).date() + timedelta(days=days)
    return datetime.combine(day, time(hour), CHINA)


ORGANIZERS = {
    "华北科教协会": "组委会办公室 010-88880000 hezi@example.org",
    "外语测评中心": "考务处 010-88881111 kaowu@example.org",
    "启程教育": "教务处 400-000-0000 jiaowu@example.com",
}

_SCHOOL = {
    "key": "school",
    "label": "就读学校",
    "label_en": "School",
    "input": "text",
    "purpose": "按学校分组，避免同校选手同场答辩",
    "category": "registration.answers",
}

EVENTS = (
    DemoEvent(
        organizer="华北科教协会",
        slug="huabei-kechuang-12",
        prefix="HBKC",
        kind=EventKind.COMPETITION,
        title="第十二届华北青少年科创赛",
        title_en="12th North China Youth Science Fair",
        summary="面向小学四年级至高中的科技创新作品赛，初评在线，决赛在北京答辩。",
        summary_en="Science projects from grade 4 to 12; first round online, finals in Beijing.",
        description=(
            "参赛作品须由学生独立或两人合作完成。初评结果在报名截止后十个工作日内公布，"
            "入围选手到北京参加决赛答辩。\n\n决赛当天请带身份证件原件入场。"
        ),
        description_en=(
            "Projects are made by one student or by two together. Results of the first round come"
            " within ten working days of the deadline; finalists defend theirs in Beijing.\n\n"
            "Bring the original of your identity document to the finals."
        ),
        place="北京市海淀区示例科技馆",
        fee_fen=0,
        capacity=600,
        closes=(3, 18),
        starts=(24, 9),
        lasts_days=1,
        documents=(
            (K.ID_CARD_FRONT, True, ""),
            (K.ID_CARD_BACK, True, ""),
            (K.STUDENT_CARD, False, "没有学生证的小学生可以不交。"),
        ),
        fields=(
            _SCHOOL,
            {
                "key": "group",
                "label": "参赛组别",
                "label_en": "Group",
                "input": "choice",
                "choices": ("小学组", "初中组", "高中组"),
                "purpose": "确定评审标准和答辩场次",
                "category": "registration.answers",
            },
        ),
    ),
    DemoEvent(
        organizer="外语测评中心",
        slug="yingyu-dengji-qiu",
        prefix="YYDJ",
        kind=EventKind.EXAM,
        title="全国英语能力等级考试（秋）",
        title_en="National English Proficiency Test (autumn)",
        summary="听、说、读、写四项机考，一天考完，二十个工作日出成绩。",
        summary_en="Listening, speaking, reading and writing by computer in one day.",
        description="准考证在开考前七天开放打印。证件照用于制作准考证，图上不加注。",
        description_en="Admission tickets can be printed a week before; your portrait is on it.",
        place="全国 32 个考点，打印准考证时可见",
        fee_fen=18000,
        capacity=20000,
        closes=(16, 18),
        starts=(40, 9),
        lasts_days=0,
        documents=((K.ID_CARD_FRONT, True, ""), (K.ID_CARD_BACK, True, ""), (K.PORTRAIT, True, "")),
        fields=(
            {
                "key": "level",
                "label": "报考级别",
                "label_en": "Level",
                "input": "choice",
                "choices": ("一级", "二级", "三级", "四级"),
                "purpose": "安排试卷和考场",
                "category": "registration.answers",
            },
        ),
    ),
    DemoEvent(
        organizer="启程教育",
        slug="chengxu-sheji-hanjia",
        prefix="CXSJ",
        kind=EventKind.COURSE,
        title="程序设计寒假课程",
        title_en="Programming, a winter course",
        summary="十二天小班，Python 入门到做出自己的小游戏。",
        summary_en="Twelve days in small classes, from first Python to a game of your own.",
        description="每班不超过十六人。教材费已含在内，开课前七天可全额退。",
        description_en="Sixteen to a class at most. Books included; refunds until a week before.",
        place="北京市海淀区示例路 1 号",
        fee_fen=240000,
        capacity=160,
        closes=(45, 18),
        starts=(55, 9),
        lasts_days=12,
        documents=((K.ID_CARD_FRONT, True, ""),),
        fields=(_SCHOOL,),
    ),
)
