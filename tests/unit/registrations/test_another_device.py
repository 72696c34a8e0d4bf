"""A draft begun on one device goes on, on another, where it stood."""

from __future__ import annotations

from heyan.accounts import sessions
from heyan.accounts.models import Account
from tests.enrolment import Person, World, picture, words_of


def test_a_draft_goes_on_at_the_same_step_on_another_device(person: Person, world: World) -> None:
    """C1: answers, consents, number and documents were saved as each page was left."""
    event = world.event()
    registration = person.ready(event.slug)
    with world.session() as session:
        account = session.get_one(Account, person.account_id)
        token = sessions.begin(
            session, world.settings, account, complete=True, source="192.0.2.9", user_agent="other"
        )
    client = world.app.test_client()
    client.set_cookie("heyan_session", token, domain="localhost")
    other = Person(client, person.account_id, token)
    mine = other.get("/registrations")
    assert event.title in mine.text
    assert "上传材料" in words_of(mine)
    onward = other.get(f"/registrations/{registration}")
    assert onward.headers["Location"].endswith(f"/registrations/{registration}/documents")
    assert "第一中学" in other.get(f"/registrations/{registration}/fields").text
    assert other.upload(registration, picture()).status_code == 303
    # Back on the first one, what the second did is there.
    checked = person.get(f"/registrations/{registration}")
    assert checked.headers["Location"].endswith("/check")
    assert person.post(f"/registrations/{registration}/check").status_code == 303
