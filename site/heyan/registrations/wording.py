"""The consents of an enrolment in words: exactly what is shown is what the ledger keeps."""

from __future__ import annotations

from flask_babel import gettext as _

from heyan.consent.purposes import GUARDIAN, HAND_OVER, IDENTITY_DOCUMENTS, PURPOSES
from heyan.documents.kinds import label
from heyan.events.models import Event
from heyan.events.wording import title_of

Rows = list[tuple[str, str]]


def kinds_in_words(event: Event) -> str:
    """Return the kinds of document that the event asks for, as one phrase."""
    return str(_("、")).join(str(label(spec.kind)) for spec in event.document_kinds)


def identity_rows(event: Event) -> Rows:
    """What the consent to process identity documents is about (PIPL 29, 30)."""
    return [
        (_("处理的材料"), kinds_in_words(event)),
        (
            _("目的"),
            _("供主办单位核验「%(event)s」报名人的身份，不作他用", event=title_of(event)),
        ),
        (_("必要性"), _("主办单位凭这些材料确认是学员本人报名，缺少则无法核验")),
        (
            _("防止冒名"),
            _("只在本项目内查找完全相同的证件号码和文件，不比对照片；发现相同的，由人判断"),
        ),
        (_("对您的影响"), _("身份认证材料一旦泄露，可能被人冒用身份，请确认后再同意")),
        (_("保护方式"), _("上传当时加注用途并封存，本网站此后打不开")),
        (
            _("保存期限"),
            _("核验结果公布后 30 天销毁，最迟到项目结束后 30 天；撤回同意后 24 小时内销毁"),
        ),
    ]


def hand_over_rows(event: Event) -> Rows:
    """What the consent to hand over is about (PIPL 23): to whom, what for, how, which kinds."""
    organization = event.organization
    return [
        (_("接收方"), organization.name),
        (_("联系方式"), organization.contact),
        (_("目的"), _("核验「%(event)s」报名人的身份", event=title_of(event))),
        (_("方式"), _("加密成只有该主办单位能打开的文件，由其下载后核验")),
        (
            _("种类"),
            _("%(kinds)s；姓名、出生日期、证件号码和报名信息", kinds=kinds_in_words(event)),
        ),
    ]


def rows_in_text(purpose: str, rows: Rows) -> str:
    """Return a consent as the ledger keeps it: the sentence, then each line shown under it."""
    lines = [str(PURPOSES[purpose].text)]
    lines += [str(_("%(name)s：%(value)s", name=name, value=value)) for name, value in rows]
    return "\n".join(lines)


def identity_text(event: Event) -> str:
    """Return the text of the consent to process identity documents."""
    return rows_in_text(IDENTITY_DOCUMENTS, identity_rows(event))


def hand_over_text(event: Event) -> str:
    """Return the text of the consent to hand documents over."""
    return rows_in_text(HAND_OVER, hand_over_rows(event))


def guardian_text() -> str:
    """Return the text of the guardian's consent."""
    return rows_in_text(GUARDIAN, [])
