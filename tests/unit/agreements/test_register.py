"""The register of agreements through the front door: two people, dates, clauses, documents."""

from __future__ import annotations

import io
import uuid
import zlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from fpdf import FPDF
from PIL import Image

from heyan import clock as time
from heyan.access import Role
from heyan.agreements import service
from heyan.agreements.models import Agreement
from heyan.organizations.models import Organization
from tests.agreements import PDF
from tests.enrolment import World, hidden_fields, words_of
from tests.staff import Colleague, colleague


@pytest.fixture
def operations(world: World) -> Colleague:
    """Who writes agreements down."""
    return colleague(world, Role.OPERATIONS)


@pytest.fixture
def officer(world: World) -> Colleague:
    """Who lets them count."""
    return colleague(world, Role.PRIVACY_OFFICER)


def unbound(world: World) -> uuid.UUID:
    """An active organizer without any agreement."""
    with world.session() as session:
        row = Organization(
            name=f"主办{uuid.uuid4().hex[:10]}",
            contact="010-88880000",
            processing_role="independent",
            active=True,
            created_at=time.now(),
        )
        session.add(row)
        session.commit()
        return row.id


def send(
    operations: Colleague, organization_id: uuid.UUID, pdf: bytes = PDF, **changes: Any
) -> Any:
    """Send the form as a browser does."""
    token = hidden_fields(operations.get("/staff/agreements/new").text)["csrf_token"]
    today = time.local(time.now()).date()
    fields: dict[str, Any] = {
        "csrf_token": token,
        "kind": "organizer",
        "organization": str(organization_id),
        "role": "independent",
        "clauses": list(service.CLAUSES),
        "valid_from": today.isoformat(),
        "valid_until": (today + timedelta(days=365)).isoformat(),
        "file": (io.BytesIO(pdf), "agreement.pdf"),
        **changes,
    }
    return operations.client.post(
        "/staff/agreements/new", data=fields, content_type="multipart/form-data"
    )


def written(operations: Colleague, organization_id: uuid.UUID, **changes: Any) -> str:
    """Write an agreement down and return its address."""
    sent = send(operations, organization_id, **changes)
    assert sent.status_code == 303, words_of(sent)
    return str(sent.headers["Location"])


def holds(world: World, organization_id: uuid.UUID) -> bool:
    """Whether the organizer is bound now."""
    with world.session() as session:
        return service.valid(session, organization_id)


def test_an_agreement_binds_only_after_a_second_person(
    world: World, operations: Colleague, officer: Colleague
) -> None:
    """K2, S-104: who writes it down holds no right to let it count."""
    organizer = unbound(world)
    at = written(operations, organizer)
    assert not holds(world, organizer)
    assert operations.get(f"{at}/activate").status_code == 403
    assert officer.post(f"{at}/activate").status_code == 303
    assert holds(world, organizer)
    assert "有效" in words_of(officer.get("/staff/agreements?state=bound"))


@pytest.mark.parametrize("lacking", service.CLAUSES)
def test_an_agreement_that_lacks_a_clause_never_binds(
    world: World, operations: Colleague, officer: Colleague, lacking: str
) -> None:
    """L-28: without “reports incidents in time” it is invalid; so without any of the five."""
    organizer = unbound(world)
    clauses = [one for one in service.CLAUSES if one != lacking]
    at = written(operations, organizer, clauses=clauses)
    assert officer.post(f"{at}/activate").status_code == 409
    assert not holds(world, organizer)


def test_an_agreement_binds_within_its_dates(
    world: World, operations: Colleague, officer: Colleague, clock: Any
) -> None:
    """K2: expired is as none."""
    organizer = unbound(world)
    officer.post(f"{written(operations, organizer)}/activate")
    clock.move(timedelta(days=364))
    assert holds(world, organizer)
    clock.move(timedelta(days=2))
    assert not holds(world, organizer)


def test_a_suspended_agreement_stops_at_once_and_resumes_by_another(
    world: World, operations: Colleague, officer: Colleague
) -> None:
    """S-104."""
    organizer = unbound(world)
    at = written(operations, organizer)
    officer.post(f"{at}/activate")
    assert operations.post(f"{at}/suspend", page=at, reason="违约调查").status_code == 303
    assert not holds(world, organizer)
    assert officer.post(f"{at}/activate").status_code == 303
    assert holds(world, organizer)


def test_the_end_asks_for_a_confirmation_of_deletion(
    world: World, operations: Colleague, officer: Colleague
) -> None:
    """L-12: due, on the staff's home, until it is there."""
    organizer = unbound(world)
    at = written(operations, organizer)
    officer.post(f"{at}/activate")
    operations.post(f"{at}/end", page=at, action="end")
    assert "等对方确认删除" in words_of(operations.get(at))
    assert "还没有确认删除的协议" in words_of(operations.get("/staff"))
    assert operations.post(f"{at}/end", page=at, action="deletion").status_code == 303
    assert "等对方确认删除" not in words_of(operations.get(at)).replace("等对方确认删除 已", "")
    assert world


def test_a_breach_is_written_down(world: World, operations: Colleague) -> None:
    """S-104."""
    at = written(operations, unbound(world))
    sent = operations.post(
        f"{at}/breaches", page=at, happened_on="2026-11-01", what="迟报", measures="约谈"
    )
    assert sent.status_code == 303
    assert "迟报" in words_of(operations.get(at))


@pytest.mark.parametrize(
    "data",
    [
        b"GIF89a",
        b"%PDF-1.7 without an end",
        PDF.replace(b"/Type /Catalog", b"/OpenAction << /S /JavaScript /JS (x) >>"),
        b"%PDF-1.7" + b"0" * service.MAX_PDF_BYTES + b"%%EOF",
    ],
    ids=["no-pdf", "cut-off", "runs-something", "too-large"],
)
def test_a_file_that_is_no_plain_pdf_is_refused(
    world: World, operations: Colleague, data: bytes
) -> None:
    """C-14, Q10."""
    assert send(operations, unbound(world), pdf=data).status_code in (413, 422)


def objects(hidden: bytes, *, filters: bytes = b"/FlateDecode", more: bytes = b"") -> bytes:
    """A PDF whose catalogue lies, compressed, in a stream of objects."""
    inside = b"1 0 " + b"<< /Type /Catalog " + hidden + b" >>"
    packed = zlib.compress(inside)
    if filters != b"/FlateDecode":
        packed = packed.hex().encode() + b">"
    return (
        b"%PDF-1.7\n2 0 obj << /Type /ObjStm /N 1 /First 4 /Filter "
        + filters
        + more
        + b" /Length %d >>\nstream\n" % len(packed)
        + packed
        + b"\nendstream endobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"
    )


RUNS = (
    b"/OpenAction << /S /JavaScript /JS (app.alert\\(1\\)) >>",
    b"/AA << /O << /S /Launch /F (calc.exe) >> >>",
    b"/Names << /EmbeddedFiles << /Names [(x) 3 0 R] >> >>",
    b"/AA << /O << /S /J#61vaScript /J#53 (x) >> >>",
)


@pytest.mark.parametrize("hidden", RUNS, ids=["script", "launch", "attachment", "escaped"])
def test_what_runs_is_found_in_compressed_objects_too(
    world: World, operations: Colleague, hidden: bytes
) -> None:
    """C-14: scripts, launches and files inside an object stream, and names with escapes."""
    organizer = unbound(world)
    sent = send(operations, organizer, pdf=objects(hidden))
    assert sent.status_code == 422
    assert "可能带有脚本、附件或密码" in sent.text
    assert world.rows("SELECT 1 FROM agreements WHERE organization_id = :o", o=organizer) == []
    service.check_pdf(objects(b"/PageLayout /OneColumn"))


@pytest.mark.parametrize(
    "data",
    [
        objects(b"", filters=b"[/ASCIIHexDecode /FlateDecode]"),
        objects(b"", more=b" /DecodeParms << /Predictor 12 /Columns 4 >>"),
        PDF.replace(b"/Root 1 0 R", b"/Root 1 0 R /Encrypt 5 0 R"),
        PDF.replace(b"/Type /Catalog", b"/Type /Catalog /Names << /Embedded#46iles 3 0 R >>"),
        PDF.replace(
            b"trailer",
            b"4 0 obj << /Length 9 >>\nstream\n"
            + zlib.compress(bytes(200 * 2**20), 9)
            + b"\nendstream endobj\ntrailer",
        ),
    ],
    ids=["other-filter", "predictor", "encrypted", "escaped-name", "bomb"],
)
def test_what_cannot_be_looked_into_is_refused(data: bytes) -> None:
    """C-14: and a bomb ends within seconds, in bounded memory."""
    with pytest.raises(service.PdfRefused):
        service.check_pdf(data)


def test_a_pdf_as_programs_write_it_is_taken() -> None:
    """C-14: compressed pages, pictures and tables of references are no reason to refuse."""
    page = FPDF()
    page.add_page()
    page.set_font("helvetica", size=12)
    page.cell(text="Agreement No. 2026-117")
    with io.BytesIO() as drawn:
        Image.effect_noise((900, 1200), 60).convert("RGB").save(drawn, "PNG")
        drawn.seek(0)
        page.image(drawn, w=120)
    service.check_pdf(bytes(page.output()))


def test_the_document_comes_back_as_a_file_alone_and_lies_encrypted(
    world: World, operations: Colleague
) -> None:
    """C-14: never inline; the database holds no plain copy."""
    at = written(operations, unbound(world))
    answer = operations.get(f"{at}/document")
    assert answer.data == PDF
    assert answer.headers["Content-Disposition"].startswith("attachment")
    stored = world.rows(
        "SELECT content FROM agreement_documents WHERE agreement_id = :a",
        a=uuid.UUID(at.rsplit("/", 1)[1]),
    )[0][0]
    assert b"JVBERi" not in bytes(stored)


def test_fifty_activations_at_once_count_once(
    world: World, operations: Colleague, officer: Colleague
) -> None:
    """C-50: and never by who wrote it down."""
    organizer = unbound(world)
    at = uuid.UUID(written(operations, organizer).rsplit("/", 1)[1])

    def activate(turn: int) -> str:
        who = operations if turn % 2 else officer
        with world.session() as session:
            try:
                service.activate(session, who.actor, at)
            except (service.SamePerson, service.NotNow) as refused:
                return type(refused).__name__
        return "done" if who is officer else "by the proposer"

    with ThreadPoolExecutor(16) as pool:
        said = list(pool.map(activate, range(50)))
    assert said.count("done") == 1
    assert "by the proposer" not in said
    with world.session() as session:
        row = session.get_one(Agreement, at)
        assert row.approved_by == officer.account_id


def test_an_organizers_agreement_names_it_and_a_providers_its_name(
    world: World, operations: Colleague
) -> None:
    """K2: what is missing is said, and nothing is made."""
    nobody = send(operations, unbound(world), organization="")
    assert nobody.status_code == 422
    assert "请选择主办单位" in words_of(nobody)
    unnamed = send(operations, unbound(world), kind="sms", party="")
    assert unnamed.status_code == 422
    assert "请填写服务商全称" in words_of(unnamed)
    named = send(operations, unbound(world), kind="sms", party="某短信服务商", organization="")
    assert named.status_code == 303
