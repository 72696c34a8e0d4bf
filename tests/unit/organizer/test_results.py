"""Result files: template, preview row by row, drafts, publication, and what students then see."""

from __future__ import annotations

import base64
import csv
import io
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from tests.enrolment import hidden_fields
from tests.organizer import Member, batch
from tests.releases import Batches, Organizer


@pytest.fixture
def owner(organizer: Organizer, enter: Callable[..., Member]) -> Member:
    return enter(organizer)


class Round:
    """An acknowledged batch of three people and its result template."""

    def __init__(self, batches: Batches, organizer: Organizer, owner: Member) -> None:
        self.owner = owner
        self.release, self.people = batch(batches, organizer, ("王小满", "李知行", "陈一诺"))
        self.path = f"/organizer/releases/{self.release.id}"
        digest = (self.release.manifest_sha256 or b"").hex()
        owner.post(f"{self.path}/acknowledge", page=self.path, manifest_sha256=digest)
        text = owner.get(f"{self.path}/results/template.csv").data.decode("utf-8-sig")
        self.rows = list(csv.DictReader(io.StringIO(text, newline="")))

    def upload(self, data: bytes, name: str = "results.csv") -> Any:
        """Send a result file."""
        file = (io.BytesIO(data), name)
        return self.owner.post(f"{self.path}/results", file=file)

    def confirm(self, preview: Any, **more: str) -> Any:
        """Send the preview's form."""
        data = {**hidden_fields(preview.text), **more}
        return self.owner.client.post(f"{self.path}/results/confirm", data=data)


@pytest.fixture
def round_(batches: Batches, organizer: Organizer, owner: Member) -> Round:
    return Round(batches, organizer, owner)


def _csv(rows: list[dict[str, str]]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode("gb18030")


def test_a_filled_template_is_previewed_kept_and_published(round_: Round, batches: Batches) -> None:
    """L3: by result file with preview; the student sees what was published."""
    assert len(round_.rows) == 3
    for row in round_.rows:
        row["outcome"] = "accepted"
    round_.rows[1].update(outcome="returned", reason_code="other", reason_text="请正对镜头重拍")
    preview = round_.upload(_csv(round_.rows))
    assert preview.status_code == 200
    assert "请正对镜头重拍" in preview.text
    assert batches.rows("SELECT count(*) FROM decision_drafts WHERE release_id = :r",
                        r=round_.release.id)[0][0] == 0  # fmt: skip
    assert round_.confirm(preview).status_code == 303
    page = f"{round_.path}/results"
    assert round_.owner.post(f"{round_.path}/publish", page=page).status_code == 422
    done = round_.owner.post(f"{round_.path}/publish", page=page, confirm="y")
    assert done.status_code == 303
    states = sorted(batches.state(person.documents[0]).value for person in round_.people)
    assert states == ["accepted", "accepted", "returned"]
    kinds = batches.rows(
        "SELECT kind FROM notices WHERE account_id = ANY(:who)",
        who=[person.account_id for person in round_.people],
    )
    decided = sorted(
        row[0] for row in kinds if row[0] in ("document_accepted", "document_returned")
    )
    assert decided == ["document_accepted", "document_accepted", "document_returned"]


def test_every_row_that_is_not_taken_is_named_with_its_line_and_reason(
    round_: Round, batches: Batches, organizer: Organizer
) -> None:
    """L3, C-80: unknown, stale, duplicate, contradicting, unreadable rows; none is dropped."""
    first, second, third = (dict(row, outcome="accepted") for row in round_.rows)
    foreign = dict(first, document_id="00000000-0000-7000-8000-000000000000")
    rows = [
        first, foreign, dict(second, sha256="00" * 32), dict(first),
        dict(first, outcome="returned", reason_code="blurred"), dict(third, outcome="yes"),
        dict(second, document_id="nonsense"), dict(third, outcome="returned", reason_code="ugly"),
    ]  # fmt: skip
    text = round_.upload(_csv(rows)).text
    for words in ("这一批里没有这份材料", "这一行对应的是旧的一份", "内容相同", "结果不同",
                  "outcome 应为", "读不出来", "不在说明页的列表里"):  # fmt: skip
        assert words in text, words
    assert "有问题的 7 行" in text


def test_a_file_that_differs_from_the_desk_is_a_conflict_until_the_file_is_preferred(
    round_: Round, batches: Batches
) -> None:
    """L3."""
    row = {key: round_.rows[0][key] for key in ("document_id", "sha256")}
    saved = round_.owner.json(
        f"{round_.path}/decisions", {"rows": [{**row, "outcome": "accepted"}], "dropped": []}
    )
    assert saved.json["problems"] == []
    changed = {**round_.rows[0], "outcome": "returned", "reason_code": "glare"}
    preview = round_.upload(_csv([changed]))
    assert "与已保存的核验不一致" in preview.text
    outcome = "SELECT outcome FROM decision_drafts WHERE document_id = :d"
    round_.confirm(preview)
    assert batches.rows(outcome, d=row["document_id"])[0][0] == "accepted"
    round_.confirm(preview, overwrite="y")
    assert batches.rows(outcome, d=row["document_id"])[0][0] == "returned"


def test_a_published_decision_is_not_changed_by_a_later_file(round_: Round) -> None:
    """L3: history is append-only."""
    row = {**round_.rows[0], "outcome": "accepted"}
    round_.confirm(round_.upload(_csv([row])), publish="y")
    again = round_.upload(_csv([{**row, "outcome": "returned", "reason_code": "glare"}]))
    assert "结果已经公布" in again.text


def test_nothing_is_published_before_the_batch_is_acknowledged(
    batches: Batches, organizer: Organizer, owner: Member
) -> None:
    """L2b."""
    release, _people = batch(batches, organizer, ("王小满",))
    path = f"/organizer/releases/{release.id}"
    refused = owner.client.post(
        f"{path}/publish",
        data={"confirm": "y"},
        headers={
            "X-CSRF-Token": owner.get(f"{path}/decisions").json["csrf_token"],
            "Accept": "application/json",
        },
    )
    assert (refused.status_code, refused.json) == (409, {"error": "NotAcknowledged"})


def test_the_xlsx_template_comes_back_and_files_that_are_no_table_are_refused(
    round_: Round,
) -> None:
    """L3, C-14, SECURITY 37."""
    book = load_workbook(io.BytesIO(round_.owner.get(f"{round_.path}/results/template.xlsx").data))
    sheet = book.worksheets[0]
    assert [cell.value for cell in sheet[1]][2:5] == ["document_id", "sha256", "outcome"]
    for at in (2, 3):
        sheet.cell(at, 5, "accepted")
    out = io.BytesIO()
    book.save(out)
    text = round_.upload(out.getvalue(), "results.xlsx").text
    assert "通过 2" in text
    assert "另有 1 行没有填结果" in text
    assert "有问题的 0 行" in text
    for data in (b"\0\1\2", b"a,b\n1,2\n", b"PK\x03\x04broken"):
        assert round_.upload(data).status_code == 422
    other = Workbook()
    other.active.append(["x"])
    out = io.BytesIO()
    other.save(out)
    assert round_.upload(out.getvalue(), "x.xlsx").status_code == 422


def test_names_that_would_run_are_shown_as_text_and_formulas_are_disarmed(
    batches: Batches, organizer: Organizer, owner: Member
) -> None:
    """SECURITY 37, C-55."""
    batches.enrol(organizer, number="=1+1|cmd")
    round_ = Round(batches, organizer, owner)
    assert any(row["number"] == "'=1+1|cmd" for row in round_.rows)
    nasty = "<script>alert(1)</script>"
    row = {**round_.rows[0], "outcome": "returned", "reason_code": "other", "reason_text": nasty}
    text = round_.upload(_csv([row])).text
    assert nasty not in text
    assert "&lt;script&gt;alert(1)" in text


def test_the_desk_cannot_save_what_is_malformed_or_someone_elses(round_: Round) -> None:
    """SECURITY 28, 29."""
    path = f"{round_.path}/decisions"
    for body in ([], {"rows": "x"}, {"rows": [1]}, {"rows": [{}] * 2001}, {"dropped": ["x"]}):
        assert round_.owner.json(path, body).status_code == 400
    foreign = {"document_id": "00000000-0000-7000-8000-000000000000", "sha256": "00" * 32,
               "outcome": "accepted"}  # fmt: skip
    answer = round_.owner.json(path, {"rows": [foreign], "dropped": []})
    assert [one["code"] for one in answer.json["problems"]] == ["unknown"]
    plain = round_.owner.client.post(path, json={"rows": [], "dropped": []})
    assert plain.status_code == 403


@pytest.mark.parametrize(
    "text", ["\ud800 半个字", "\0空", "行\n行", "\u202e反\u2066", "长" * 5000, "<b>=1+1</b>"]
)
def test_a_reason_of_strange_letters_is_kept_as_far_as_it_can_be_shown(
    round_: Round, text: str
) -> None:
    """C-55, C-68: half characters and controls from JSON are no fault of ours and are not kept."""
    row = {**round_.rows[0], "outcome": "returned", "reason_code": "other", "reason_text": text}
    sent = round_.owner.json(f"{round_.path}/decisions", {"rows": [row], "dropped": []})
    assert sent.status_code == 200
    assert sent.json["saved"] == [row["document_id"]]
    (draft,) = round_.owner.get(f"{round_.path}/decisions").json["drafts"]
    assert draft["reason_text"].isprintable()
    assert 0 < len(draft["reason_text"]) <= 300


@pytest.mark.parametrize(
    "plain", ["[" * 200_000, "[[Infinity]]", "[[1]]", "{}", "[[1,2,3,4,5,6]]", "nonsense", "7"]
)
def test_rows_that_were_never_packed_here_are_refused(round_: Round, plain: str) -> None:
    """SECURITY 29, 38: the hidden field of the preview is anybody's to write."""
    packed = base64.b64encode(zlib.compress(plain.encode())).decode()
    sent = round_.owner.post(f"{round_.path}/results/confirm", page=round_.path, rows=packed)
    assert sent.status_code in (303, 400)
    assert round_.owner.get(f"{round_.path}/decisions").json["drafts"] == []
