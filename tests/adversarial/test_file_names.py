"""What a file is called on somebody's phone is nobody's business (C-09, SECURITY 6)."""

from __future__ import annotations

import io

import pytest

from tests.enrolment import Person, World, hidden_fields, picture, words_of
from tests.enrolment_fixtures import person, world

__all__ = ["person", "world"]

MARK = "kuaishou-7191"
NAMES = (
    f"../../{MARK}/passwd",
    f"{MARK}\u202egpj.exe\u2066",
    f'"><svg onload={MARK}()>.jpg',
    f"{MARK}%0D%0AX-Evil: 1%00.jpg",
    f"{MARK}-" + "n" * 4096 + ".jpg",
    f"{MARK}-" + "😀" * 900,
)


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_an_accepted_file_leaves_its_name_behind(
    world: World, person: Person, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    """C-09, C-67, SECURITY 6: in no row, object name, head, page or line of the log."""
    registration = person.ready(world.event().slug)
    path = f"/registrations/{registration}/documents/id_card_front"
    fields = hidden_fields(person.get(path).text)
    form = {**fields, "file": (io.BytesIO(picture()), name)}
    sent = person.client.post(path, data=form)
    assert sent.status_code == 303, words_of(sent)
    assert "X-Evil" not in str(sent.headers)
    shown = person.get(sent.headers["Location"])
    assert MARK not in str(sent.headers) + str(shown.headers) + shown.text
    for (table,) in world.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"):
        found = world.rows(f'SELECT 1 FROM "{table}" t WHERE t::text LIKE :mark', mark=f"%{MARK}%")
        assert not found, table
    assert MARK not in "".join(capfd.readouterr())
