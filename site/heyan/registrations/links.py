"""Where each step of an enrolment lives; the views of registrations and documents share it."""

from __future__ import annotations

import uuid

from flask import url_for

from heyan.registrations.steps import Step


def step_url(registration_id: uuid.UUID, step: Step) -> str:
    """Return the address of a step's page."""
    if step is Step.DOCUMENTS:
        return url_for("documents.index", registration_id=registration_id)
    return url_for(f"registrations.{step.value}", registration_id=registration_id)
