"""The beginning of an assessment: what the event and the registry say already."""

from __future__ import annotations

from datetime import timedelta

from flask_babel import gettext as _

from heyan import clock
from heyan.assessments import service
from heyan.classification import REGISTRY
from heyan.documents.kinds import label
from heyan.events.models import Event
from heyan.handling import STAGES, handling

# An assessment is looked at again after this long, or when the event asks for more.
REVIEW = timedelta(days=365)


def drafted(event: Event) -> service.Facts:
    """Return an assessment of *event* in the page's language, for a person to go over."""
    kinds = [spec.kind for spec in event.document_kinds]
    document = REGISTRY["identity.document"]
    stages = handling(document).stages
    return service.Facts(
        event_id=event.id,
        covers=tuple(kind.value for kind in kinds),
        subject=event.title[:200],
        necessity=str(
            _(
                "收取：%(kinds)s。目的：%(purpose)s。依据：%(basis)s。"
                "不收取这些材料，主办单位无法核验报名人的身份。",
                kinds=_("、").join(str(label(kind)) for kind in kinds) or _("不收取材料"),
                purpose=document.purpose,
                basis=document.basis,
            )
        ),
        risks=str(
            _(
                "材料泄露可能被用来冒名办理业务；未成年人的材料影响更大。"
                "接收方只有主办单位：%(organizer)s。",
                organizer=event.organization.name,
            )
        ),
        measures="\n".join(str(stages[stage]) for stage in STAGES),
        conclusion=str(
            _(
                "在上述措施之下，风险可以接受。最后一批材料在 %(day)s 之前销毁。",
                day=f"{clock.local(event.destroy_at):%Y-%m-%d}",
            )
        ),
        review_at=clock.now() + REVIEW,
    )
