"""The callback form as any page may show it: its lists, and the consent in its exact words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from flask import current_app
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from heyan.consent.purposes import LEAD_CALLBACK, PURPOSES
from heyan.events.service import open_titles
from heyan.events.wording import english
from heyan.leads.forms import LeadForm
from heyan.policies.service import NoPolicyInForce, version_in_force

OFFERED = 30


@dataclass(frozen=True)
class Panel:
    """What the macro in ``components/lead.html`` shows."""

    form: LeadForm
    effective: datetime | None

    @property
    def consent_intro(self) -> str:
        """The words before the policy's name."""
        return str(_("我已阅读并同意"))

    @property
    def policy_name(self) -> str:
        """The words that lead to the policy."""
        return str(_("个人信息保护政策"))

    @property
    def policy_date(self) -> str:
        """Which version of the policy."""
        if self.effective is None:
            return ""
        day = current_app.jinja_env.filters["date"](self.effective)
        return str(_("（%(date)s版）：", date=day))

    @property
    def purpose(self) -> str:
        """What is agreed to."""
        return str(PURPOSES[LEAD_CALLBACK].text)

    @property
    def refusal(self) -> str:
        """What follows when one does not agree."""
        return str(PURPOSES[LEAD_CALLBACK].needed_for)

    @property
    def consent_text(self) -> str:
        """The consent as the ledger keeps it: exactly what stands beside the box."""
        return self.consent_intro + self.policy_name + self.policy_date + self.purpose


def panel(session: Session, form: LeadForm | None = None, *, event: str = "") -> Panel:
    """Return the form with its lists; *event* is the slug that is chosen beforehand."""
    if form is None:
        form = LeadForm(formdata=None, event=event)
    in_english = english()
    form.offer(
        [
            (slug, (in_english and title_en) or title)
            for slug, title, title_en in open_titles(session, limit=OFFERED)
        ]
    )
    try:
        effective = version_in_force(session).effective_at
    except NoPolicyInForce:
        effective = None
    return Panel(form, effective)
