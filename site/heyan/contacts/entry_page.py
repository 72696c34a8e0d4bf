"""The page of one entry, as every act on it shows it again."""

from __future__ import annotations

import secrets
import uuid
from typing import Any

from flask import abort, render_template
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from wtforms import SelectField

from heyan import clock, web
from heyan.contacts import reading, wording
from heyan.contacts.forms import (
    CloseForm,
    ConsentForm,
    FeedbackForm,
    FollowUpForm,
    ReasonForm,
)
from heyan.contacts.models import ContactChannel, ContactKind, ContactState, RecordingConsent
from heyan.contacts.models import RecordingState as State
from heyan.contacts.recording_consent import of_whom
from heyan.contacts.service import ContactUnknown
from heyan.leads.hours import may_call


def words() -> dict[str, Any]:
    """Return what every template of the log needs to say."""
    return {
        "channels": wording.CHANNELS,
        "directions": wording.DIRECTIONS,
        "kinds": wording.KINDS,
        "states": wording.STATES,
        "outcomes": wording.OUTCOMES,
        "consents": wording.CONSENTS,
        "me": web.account_id(),
        "ContactKind": ContactKind,
        "ContactState": ContactState,
        "RecordingConsent": RecordingConsent,
        "RecordingState": State,
        "ContactChannel": ContactChannel,
    }


def offer_owners(field: SelectField, session: Session) -> None:
    """Fill the list of who may go on with an entry."""
    names = reading.clerks(session)
    field.choices = [("", _("不指定")), *((str(key), name) for key, name in names.items())]


def owner(given: str | None, session: Session) -> uuid.UUID | None:
    """Return the colleague that a form names; one who does not work on the log is not found."""
    if not given:
        return None
    found = next((key for key in reading.clerks(session) if str(key) == given), None)
    return found or abort(404)


def page(
    contact_id: uuid.UUID,
    *,
    reason: str | None = None,
    problem: str = "",
    trouble: str = "",
    status: int = 200,
    **forms: Any,
) -> tuple[str, int]:
    """Return an entry's page; *forms* replaces those that come back with errors.

    Raises `NotNow` when *reason* is to call somebody who must not be called.
    """
    session, settings = web.session(), web.settings()
    try:
        shown = reading.show(session, settings, web.actor(), contact_id, reason=reason)
    except ContactUnknown:
        abort(404)
    if shown.masked:  # in clear it is an entry already, with its reason
        web.shows("contacts.shown", "contact", contact_id)
    line = shown.line
    due = clock.local(line.due_at).strftime("%Y-%m-%dT%H:%M")
    follow = FollowUpForm(
        formdata=None,
        kind=line.kind.value,
        state="waiting" if line.state is ContactState.WAITING else "open",
        owner=str(line.owner_id or ""),
        due=due,
        expected=str(line.owner_id or ""),
    )
    ready = {
        "reason_form": ReasonForm(formdata=None),
        "follow_form": follow,
        "close_form": CloseForm(formdata=None),
        "feedback_form": FeedbackForm(formdata=None, by=line.channel.value),
        "consent_form": ConsentForm(formdata=None),
        **forms,
    }
    if ready["follow_form"] is follow:
        offer_owners(follow.owner, session)
    html = render_template(
        "contacts/show.html",
        contact=line,
        shown=shown,
        problem=problem,
        trouble=trouble,
        clerks=reading.clerks(session),
        may_call=may_call(settings, clock.now()),
        hours=(settings.call_from_hour, settings.call_until_hour),
        upload_token=secrets.token_urlsafe(24),
        limit=settings.max_recording_bytes,
        not_asked=of_whom(session, contact_id),
        **ready,
        **words(),
    )
    return html, status
