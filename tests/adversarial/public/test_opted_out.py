"""Numbers that asked not to be called: nobody learns which, nobody opts out another's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, event

from heyan.leads.service import keep_out, phone_index
from tests.accounts import Browser, some_phone
from tests.enrolment import World
from tests.public import leave


def opted_out(world: World) -> str:
    """Return a number whose owner asked not to be called."""
    phone = some_phone()
    with world.session() as session:
        keep_out(session, phone_index("+86" + phone))
        session.commit()
    return phone


@contextmanager
def statements() -> Iterator[list[str]]:
    """Collect the first words of every statement that goes to the database, as far as they tell
    what it costs: a savepoint ends alike either way.
    """
    seen: list[str] = []
    ends = {"RELEASE SAVEPOINT", "ROLLBACK TO"}

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        words = statement.split()[:3]
        seen.append("end" if " ".join(words[:2]) in ends else " ".join(words))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def test_a_number_that_opted_out_is_answered_as_any_other(world: World) -> None:
    """S-019, C-61: same status, page and heads; nothing is kept; the work before it is the same."""
    work, said = [], []
    for phone in (opted_out(world), some_phone()):
        browser = Browser(world.app)
        token = browser.token("/leads/new")
        form = {"csrf_token": token, "name": "李", "phone": phone, "consent": "y"}
        with statements() as seen:
            sent = browser.client.post(
                "/leads/new", data=form, environ_base={"REMOTE_ADDR": browser.address}
            )
        work.append(list(seen))
        heads = [(name, text) for name, text in sent.headers if name != "X-Request-ID"]
        said.append((sent.status_code, heads, sent.data))
    assert said[0] == said[1]
    assert work[0] == work[1]
    assert any(one.startswith("INSERT INTO leads") for one in work[0])


def test_what_is_undone_for_a_number_that_opted_out_leaves_nothing(world: World) -> None:
    """S-019: no lead, no line in the ledger, however often a stranger asks for it."""
    phone = opted_out(world)
    before = world.rows("SELECT count(*) FROM consent_records")[0][0]
    for _turn in range(3):
        assert leave(Browser(world.app), phone).status_code == 303
    index = phone_index("+86" + phone)
    assert world.rows("SELECT 1 FROM leads WHERE phone_index = :i", i=index) == []
    assert world.rows("SELECT count(*) FROM consent_records")[0][0] == before
    kept_out = "SELECT count(*) FROM audit_entries WHERE action = 'leads.kept_out'"
    assert world.rows(kept_out)[0][0] >= 3


def test_a_stranger_opts_out_nobody(world: World) -> None:
    """S-019: no form that a visitor or account holder reaches writes that list."""
    phone = some_phone()
    for more in (
        {"outcome": "do_not_contact"},
        {"do_not_contact": "y", "action": "do_not_contact"},
        {"status": "closed", "call_time": "never"},
    ):
        assert leave(Browser(world.app), phone, **more).status_code == 303
    index = phone_index("+86" + phone)
    [lead] = world.rows("SELECT id FROM leads WHERE phone_index = :i", i=index)
    someone = world.person()
    for address in (f"/staff/leads/{lead.id}/outcome", f"/staff/contacts/{lead.id}/do-not-contact"):
        sent = someone.post(address, page="/students/new", outcome="do_not_contact")
        assert sent.status_code in (302, 303, 403, 404)
    assert world.rows("SELECT 1 FROM do_not_contact WHERE phone_index = :i", i=index) == []
    assert [lead.id] == [
        row.id
        for row in world.rows(
            "SELECT id FROM leads WHERE phone_index = :i AND outcome IS NULL", i=index
        )
    ]
