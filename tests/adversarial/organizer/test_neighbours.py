"""One organizer looks for another: nothing tells what is somebody else's from what never was."""

from __future__ import annotations

import re
import statistics
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask

from heyan.audit.service import Actor
from heyan.registrations import service as registrations
from heyan.registrations import submission
from tests.enrolment import hidden_fields
from tests.organizer import Member, batch
from tests.releases import EVIDENCE, Batches, Enrolled, Organizer

# What differs from one answer to the next by itself: the time, numbers to quote, tokens of forms.
CHANGING = re.compile(
    rb'data-now="[^"]*"|data-session-seconds="[0-9]+"|value="[0-9]{10}\.[^"]*"|[0-9a-f]{16,}'
)
NAMES = ("阿依古丽·买买提", "欧阳若溪")


@dataclass
class Neighbour:
    """Another organizer in the middle of its work, and everything that has an id there."""

    organizer: Organizer
    people: list[Enrolled]
    ids: dict[str, uuid.UUID]
    secrets: list[str]


@pytest.fixture(scope="module")
def neighbour(batches: Batches) -> Neighbour:
    """An organizer with a batch, a waiting document, a member, a key, and news of a withdrawal."""
    other = batches.organizer(title="南方少年数学营")
    release, people = batch(batches, other, NAMES)
    batches.enrol(other, name="等待者")
    with batches.session() as session:
        actor = Actor("student", people[0].account_id)
        row = registrations.load(session, people[0].account_id, people[0].registration_id)
        submission.withdraw(session, actor, row, EVIDENCE, "撤回")
    own = {"o": other.organization_id}
    [(recipient,)] = batches.rows("SELECT id FROM recipients WHERE organization_id = :o", **own)
    [(party,)] = batches.rows("SELECT id FROM rights_parties WHERE organization_id = :o", **own)
    [(name,)] = batches.rows("SELECT name FROM organizations WHERE id = :o", **own)
    ids = {
        "release_id": release.id,
        "recipient_id": recipient,
        "party_id": party,
        "account_id": other.member_id,
        "event_id": other.event_id,
        "document_id": people[0].documents[0],
    }
    secrets = [
        *NAMES, "等待者", "南方少年数学营", name, other.recipient, str(release.object_key),
        (release.manifest_sha256 or b"").hex(), str(release.file_bytes),
        *(person.number for person in people), *(str(one) for one in ids.values()),
    ]  # fmt: skip
    return Neighbour(other, people, ids, secrets)


def plain(answer: Any, wanted: uuid.UUID) -> tuple[int, list[tuple[str, str]], bytes]:
    """Return an answer without what changes by itself and without the id that was asked for."""
    heads = [
        (name, value)
        for name, value in sorted(answer.headers)
        if name.lower() not in ("set-cookie", "content-security-policy", "x-request-id", "date")
        and (name.lower() != "content-length")
    ]
    return (
        answer.status_code,
        [(name, value.replace(str(wanted), "ID")) for name, value in heads],
        CHANGING.sub(b"_", answer.data.replace(str(wanted).encode(), b"ID")),
    )


def test_every_address_answers_for_anothers_id_as_for_one_that_never_was(
    app: Flask, neighbour: Neighbour, organizer: Organizer, enter: Callable[..., Member]
) -> None:
    """C-49, SECURITY 27, 28: status, heads and text, from the route table, with every method."""
    mine = enter(organizer)
    token = hidden_fields(mine.get("/organizer/keys/new").text)["csrf_token"]
    tried = 0
    for rule in app.url_map.iter_rules():
        wanted = [name for name in rule.arguments if name in neighbour.ids]
        if not rule.rule.startswith("/organizer/") or not wanted:
            assert not rule.rule.startswith("/organizer/") or not rule.arguments, rule.rule
            continue
        for method in (rule.methods or set()) - {"OPTIONS", "HEAD"}:
            answers = []
            for ids in (neighbour.ids, {name: uuid.uuid4() for name in neighbour.ids}):
                address = rule.rule
                for name in rule.arguments:
                    value = str(ids.get(name, "csv"))
                    address = re.sub(rf"<[^<>]*:?{name}>", value, address)
                answer = mine.client.open(
                    address,
                    method=method,
                    data={"csrf_token": token, "confirm": "yes"} if method == "POST" else None,
                    headers={"X-CSRF-Token": token},
                )
                answers.append(plain(answer, ids[wanted[0]]))
            pages = [one[2].decode().splitlines() for one in answers]
            differs = [pair for pair in zip(*pages, strict=False) if pair[0] != pair[1]]
            assert not differs, f"{method} {rule.rule}: {differs[:3]}"
            assert answers[0] == answers[1], f"{method} {rule.rule}"
            assert answers[0][0] == 404, f"{method} {rule.rule}: {answers[0][0]}"
            tried += 1
    assert tried >= 20
    for asked in (neighbour.ids["event_id"], uuid.uuid4()):
        sent = mine.client.post(
            "/organizer/releases/build", data={"csrf_token": token, "event_id": str(asked)}
        )
        assert sent.status_code == 404


def test_no_page_of_ones_own_names_or_counts_anything_of_another(
    neighbour: Neighbour,
    batches: Batches,
    organizer: Organizer,
    enter: Callable[..., Member],
) -> None:
    """C-49: lists, notices, counts, sizes and numbers in order are of one's own alone."""
    mine = enter(organizer)
    release, _people = batch(batches, organizer, ("王小满",))
    pages = (
        "/organizer", "/organizer/releases", "/organizer/people", "/organizer/keys",
        "/organizer/members", "/organizer/notices", f"/organizer/releases/{release.id}",
        f"/organizer/releases/{release.id}/results", f"/organizer/releases/{release.id}/desk",
        f"/organizer/releases/{release.id}/decisions",
        f"/organizer/releases/{release.id}/results/template.csv",
        f"/organizer/releases?before={neighbour.ids['release_id']}",
        f"/organizer/people?after={neighbour.ids['party_id']}",
        f"/organizer/members?after={neighbour.ids['account_id']}",
    )  # fmt: skip
    for page in pages:
        answer = mine.get(page)
        assert answer.status_code == 200, page
        text = answer.data.decode("utf-8")
        # One's own question stands in the links of the page that answers it.
        text = text.replace(page.partition("=")[2] or "\0", "")
        for secret in neighbour.secrets:
            assert secret not in text, (page, secret)
    # Numbers go up by one's own work alone, however much others do meanwhile.
    assert release.number == 1
    batch(batches, neighbour.organizer, ("赵清和",))
    again, [person] = batch(batches, organizer, ("李知行",))
    assert again.number == 2
    assert person.number not in mine.get(f"/organizer/releases/{release.id}").text
    where = "/organizer/releases?before="
    lists = [mine.get(f"{where}{one}") for one in (neighbour.ids["release_id"], uuid.uuid4())]
    assert plain(lists[0], neighbour.ids["release_id"])[2].count(b"<tr") == plain(
        lists[1], uuid.UUID(int=0)
    )[2].count(b"<tr")


def test_asking_for_anothers_batch_takes_as_long_as_for_one_that_never_was(
    neighbour: Neighbour, organizer: Organizer, enter: Callable[..., Member]
) -> None:
    """C-49: processor time of the answer, in pairs, the median of all."""
    mine = enter(organizer)
    theirs = f"/organizer/releases/{neighbour.ids['release_id']}/file"

    def spent(path: str) -> float:
        began = time.thread_time()
        assert mine.get(path).status_code == 404
        return time.thread_time() - began

    def median(other: Callable[[], str]) -> float:
        ratios = []
        for turn in range(160):
            # Who goes first changes, so that neither is always the one that finds things warm.
            paths = [theirs, other()][:: 1 if turn % 2 else -1]
            first, second = spent(paths[0]), spent(paths[1])
            ratios.append(first / second if turn % 2 else second / first)
        return statistics.median(ratios[20:])

    found = median(lambda: f"/organizer/releases/{uuid.uuid4()}/file")
    assert 0.95 < found < 1.05, f"theirs/none {found:.3f}"
