"""Batch files over HTTP: ranges, other tenants, and when a batch counts as fetched."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import delete, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, joinedload

from heyan.accounts import sessions
from heyan.accounts.models import Account, AccountRole, AccountStatus
from heyan.documents.custody import steps_of
from heyan.documents.models import Document
from heyan.documents.timeline import custody_of
from heyan.events.models import Event
from heyan.organizations.models import Organization
from heyan.registrations.models import Registration
from tests.organizer import Member, batch
from tests.releases import Batches, Organizer


@pytest.fixture
def owner(organizer: Organizer, enter: Callable[..., Member]) -> Member:
    return enter(organizer)


def _path(batches: Batches, organizer: Organizer) -> str:
    release, _people = batch(batches, organizer, ("王小满", "李知行"))
    return f"/organizer/releases/{release.id}"


def _state(batches: Batches, organizer: Organizer) -> str:
    return batches.releases(organizer)[-1].state.value


def test_a_file_comes_whole_as_an_attachment_and_counts_as_fetched_after_its_last_byte(
    batches: Batches, organizer: Organizer, owner: Member
) -> None:
    """C-80, SECURITY 39."""
    path = _path(batches, organizer)
    release = batches.releases(organizer)[-1]
    answer = owner.get(f"{path}/file", buffered=False)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="event-')
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Length"] == str(release.file_bytes)
    chunks = iter(answer.response)
    taken = next(chunks)
    assert _state(batches, organizer) == "offered"
    data = taken + b"".join(chunks)
    answer.close()
    assert data == batches.file(release)
    assert _state(batches, organizer) == "fetched"


def test_a_download_that_breaks_off_is_not_fetched_until_it_was_resumed_to_the_end(
    batches: Batches, organizer: Organizer, owner: Member
) -> None:
    """C-80, L2b: the bytes must have left without a gap."""
    path = _path(batches, organizer)
    release = batches.releases(organizer)[-1]
    whole, half = batches.file(release), (release.file_bytes or 0) // 2
    first = owner.get(f"{path}/file", headers={"Range": f"bytes=0-{half - 1}"})
    assert (first.status_code, first.data) == (206, whole[:half])
    assert first.headers["Content-Range"] == f"bytes 0-{half - 1}/{len(whole)}"
    assert _state(batches, organizer) == "offered"
    tag = first.headers["ETag"]
    assert tag.startswith('"')
    rest = owner.get(f"{path}/file", headers={"Range": f"bytes={half}-", "If-Range": tag})
    assert (rest.status_code, first.data + rest.data) == (206, whole)
    assert _state(batches, organizer) == "fetched"


def test_the_last_bytes_alone_are_not_a_fetch(
    batches: Batches, organizer: Organizer, owner: Member
) -> None:
    """C-80."""
    path = _path(batches, organizer)
    tail = owner.get(f"{path}/file", headers={"Range": "bytes=-10"})
    assert (tail.status_code, len(tail.data)) == (206, 10)
    assert _state(batches, organizer) == "offered"


def test_ranges_that_cannot_be_met_are_refused_and_odd_ones_ignored(
    batches: Batches, organizer: Organizer, owner: Member
) -> None:
    """SECURITY 39."""
    path = _path(batches, organizer)
    size = batches.releases(organizer)[-1].file_bytes
    for bad in (f"bytes={size}-", f"bytes={size}-{'9' * 40}", "bytes=-0", f"bytes={'9' * 400}-"):
        refused = owner.get(f"{path}/file", headers={"Range": bad})
        assert refused.status_code == 416
        assert refused.headers["Content-Range"] == f"bytes */{size}"
        assert "Content-Disposition" not in refused.headers
    for odd in ("bytes=", "bytes=5-2", "lines=0-1", "bytes=0-1,4-5", "nonsense"):
        ignored = owner.get(f"{path}/file", headers={"Range": odd})
        assert (ignored.status_code, len(ignored.data)) == (200, size)
    other = owner.get(f"{path}/file", headers={"Range": "bytes=5-", "If-Range": '"another"'})
    assert (other.status_code, len(other.data)) == (200, size)


def test_head_tells_the_length_and_sends_nothing(
    batches: Batches, organizer: Organizer, owner: Member
) -> None:
    """SECURITY 39."""
    path = _path(batches, organizer)
    answer = owner.client.head(f"{path}/file", headers={"Range": "bytes=0-9"})
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["Content-Length"] == str(batches.releases(organizer)[-1].file_bytes)
    assert _state(batches, organizer) == "offered"


def test_another_organizer_finds_nothing_and_the_attempt_is_on_record(
    batches: Batches, organizer: Organizer, enter: Callable[..., Member]
) -> None:
    """C-49, SECURITY 28, 39: no counts, names, sizes of others; 404, audited, nothing changed."""
    path = _path(batches, organizer)
    release = batches.releases(organizer)[-1]
    stranger = enter(batches.organizer())
    for page in ("", "/file", "/manifest", "/desk", "/decisions", "/results",
                 "/results/template.csv", "/results/template.xlsx"):  # fmt: skip
        assert stranger.get(path + page).status_code == 404, page
    token = {"page": "/organizer/keys/new"}
    for page in ("/acknowledge", "/publish", "/results", "/results/confirm", "/destroyed"):
        assert stranger.post(path + page, **token, confirm="yes").status_code == 404, page
    wanted = {"event_id": str(organizer.event_id)}
    assert stranger.post("/organizer/releases/build", **token, **wanted).status_code == 404
    listed = stranger.get("/organizer/releases").text + stranger.get("/organizer").text
    assert str(release.id) not in listed
    assert stranger.get(f"/organizer/releases?before={release.id}").status_code == 200
    denied = batches.rows(
        "SELECT count(*) FROM audit_entries WHERE action = 'access.not_found'"
        " AND outcome = 'denied' AND details->>'release_id' = :id AND actor_id = :who",
        id=str(release.id), who=stranger.account_id,
    )  # fmt: skip
    assert denied[0][0] >= 12
    assert _state(batches, organizer) == "offered"


def test_only_the_right_digest_acknowledges(
    batches: Batches, organizer: Organizer, owner: Member
) -> None:
    """L2b."""
    path = _path(batches, organizer)
    wrong = owner.post(f"{path}/acknowledge", page=path, manifest_sha256="0" * 64)
    assert wrong.status_code == 422
    assert "0" * 64 in wrong.text
    digest = (batches.releases(organizer)[-1].manifest_sha256 or b"").hex()
    right = owner.post(f"{path}/acknowledge", page=path, manifest_sha256=f"{digest}  manifest.json")
    assert right.status_code == 303
    assert _state(batches, organizer) == "acknowledged"


def test_a_batch_can_be_asked_for_and_its_destruction_confirmed_only_when_it_is_done(
    batches: Batches, organizer: Organizer, owner: Member
) -> None:
    """L2, L5."""
    batches.enrol(organizer)
    asked = owner.post(
        "/organizer/releases/build", page="/organizer/releases", event_id=str(organizer.event_id)
    )
    assert asked.status_code == 303
    path = _path(batches, organizer)
    token = {"page": "/organizer/keys/new"}
    assert owner.post(f"{path}/destroyed", confirm="yes", **token).status_code == 409
    batches.change(
        "UPDATE releases SET state = 'decided' WHERE event_id = :event", event=organizer.event_id
    )
    assert owner.post(f"{path}/destroyed", page=path, confirm="yes").status_code == 303
    assert batches.releases(organizer)[-1].holder_destroyed_at is not None
    with batches.session() as session:
        document = session.scalars(
            select(Document)
            .where(Document.event_id == organizer.event_id)
            .options(
                joinedload(Document.registration)
                .joinedload(Registration.event)
                .joinedload(Event.organization)
            )
            .limit(1)
        ).one()
        with owner.app.test_request_context():
            shown = custody_of(session, document, steps_of(session, document.id), None, None)
    lines = [line.text for seal in shown.seals for line in seal.lines]
    assert any("确认已销毁它手里的全部副本" in line for line in lines)


ENDS = {
    "organizer paused": "UPDATE organizations SET active = false WHERE id = :o",
    "agreement suspended": "UPDATE agreements SET status = 'suspended' WHERE organization_id = :o",
    "key leaked": "UPDATE recipients SET ended_reason = 'leaked', ended_at = now(),"
    " pinned_at = now() - interval '1 day' WHERE organization_id = :o",
    "file destroyed": "UPDATE releases SET state = 'destroyed' WHERE organization_id = :o",
}


@pytest.mark.parametrize("how", ["disabled", "signed out", "role taken", "database away", *ENDS])
def test_a_download_ends_with_the_right_to_it(
    batches: Batches,
    organizer: Organizer,
    owner: Member,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    """C-51: the next request is denied, and so is the rest of an answer that has begun."""
    monkeypatch.setattr("heyan.releases.downloads.LOOK_SECONDS", 0.0)
    path = _path(batches, organizer)
    size = batches.releases(organizer)[-1].file_bytes or 0
    answer = owner.get(f"{path}/file", buffered=False)
    chunks = iter(answer.response)
    taken = len(next(chunks))
    assert taken < size
    if how == "database away":
        monkeypatch.setattr(
            "heyan.releases.views.stands", lambda *_: (_ for _ in ()).throw(SQLAlchemyError())
        )
    else:
        with Session(batches.owner) as session:
            if how == "disabled":
                session.get_one(Account, owner.account_id).status = AccountStatus.DISABLED
            elif how in ENDS:
                session.execute(text(ENDS[how]), {"o": organizer.organization_id})
            elif how == "signed out":
                sessions.end_all(session, owner.account_id)
            else:
                session.execute(
                    delete(AccountRole).where(AccountRole.account_id == owner.account_id)
                )
            session.commit()
    assert sum(map(len, chunks)) == 0
    answer.close()
    assert _state(batches, organizer) == ("destroyed" if how == "file destroyed" else "offered")
    if how != "database away":
        assert owner.get(f"{path}/file").status_code in (302, 403, 404)


def test_an_organizer_that_is_paused_gets_no_pictures(
    batches: Batches, organizer: Organizer, owner: Member
) -> None:
    """C-51: what it holds may still be decided; nothing more is handed out."""
    path = _path(batches, organizer)
    with Session(batches.owner) as session:
        event = session.get_one(Event, organizer.event_id)
        session.get_one(Organization, event.organization_id).active = False
        session.commit()
    assert owner.get(f"{path}/file").status_code == 403
    assert owner.get(path).status_code == 200
    assert _state(batches, organizer) == "offered"
