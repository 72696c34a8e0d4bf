"""What an organizer's members are told, and where they read it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from heyan.audit.service import Actor
from heyan.consent.service import Evidence
from heyan.registrations import submission
from heyan.registrations.models import Registration
from heyan.registrations.service import load
from tests.conftest import Clock
from tests.enrolment import words_of
from tests.organizer import Member
from tests.releases import Batches, Organizer
from uploads_worker.releases import build_release, remind

NOTICES = "/organizer/notices"


def test_members_read_that_a_batch_is_there_waits_and_who_withdrew(
    batches: Batches, organizer: Organizer, enter: Callable[..., Member], clock: Clock
) -> None:
    """L2b; the number of unread notices stands on every page."""
    member = enter(organizer)
    enrolled = batches.enrol(organizer)
    build_release(batches.context, organizer.event_id, "demand")
    clock.move(timedelta(days=3, minutes=1))
    remind(batches.context)
    with batches.session() as session:
        registration = load(session, enrolled.account_id, enrolled.registration_id)
        assert isinstance(registration, Registration)
        submission.withdraw(
            session, Actor("public"), registration, Evidence("192.0.2.1", "test"), "撤回"
        )
    clock.reset()
    assert NOTICES in member.get("/organizer").text
    page = member.get(NOTICES)
    words = words_of(page)
    [release] = batches.releases(organizer)
    assert f"/organizer/releases/{release.id}" in page.text
    assert "第 1 批已备好" in words
    assert "第 1 批已经等了 3 天" in words
    assert f"报名号 {enrolled.number} 撤回了同意" in words
    assert "未读" in words
    assert member.post(f"{NOTICES}/read", page=NOTICES).status_code == 303
    assert "未读" not in words_of(member.get(NOTICES))
    assert member.get("/me/notices").status_code in (302, 303, 403)
