"""What strangers send through the upload form (SECURITY 1 to 9, C-01 to C-12)."""

from __future__ import annotations

import io
import time
import uuid
import zipfile
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from PIL import Image

from heyan import clock
from heyan.custody import images
from heyan.events.models import DocumentKind
from tests.enrolment import Person, World, hidden_fields, picture, words_of
from tests.enrolment_fixtures import person, world
from tests.pictures import (
    chunk,
    corners,
    huge_frame,
    one_bit_bomb,
    pdf,
    png,
    runs,
    save,
    zeros,
)

__all__ = ["person", "world"]

SECONDS = 2.0


@pytest.fixture(scope="module")
def enrolled(world: World) -> tuple[Person, str]:
    """Someone whose registration waits for documents; refused files count on nobody else."""
    someone = world.person()
    return someone, someone.ready(world.event().slug)


@pytest.fixture
def uploader(world: World) -> tuple[Person, str]:
    """Someone new whose registration waits for documents."""
    someone = world.person()
    return someone, someone.ready(world.event().slug)


def no_quota(world: World, who: Person) -> None:
    """Let what the account has uploaded be long ago, so that many files can be tried."""
    mine = "registration_id IN (SELECT id FROM registrations WHERE account_id = %s)"
    with world.owner.begin() as connection:
        for order in (
            "DELETE FROM upload_counts WHERE account_id = %s",
            f"UPDATE documents SET received_at = received_at - interval '2 days' WHERE {mine}",
            (
                "UPDATE documents SET destroyed_at = now(), state = 'destroyed'"
                f" WHERE state = 'superseded' AND {mine}"
            ),
        ):
            connection.exec_driver_sql(order, (who.account_id,))


def documents(world: World, registration: str) -> list[Any]:
    return world.rows("SELECT * FROM documents WHERE registration_id = :r", r=registration)


HTML = b"<html><body><script>alert(document.cookie)//payload that must not survive</script></body>"
SCRIPT = b"=1;fetch('/account/sessions').then(r=>r.text()).then(steal_everything_there_is);/*"
ACTION = b"app.launchURL.this-payload-must-not-survive-anything"
PHAR = b"<?php __HALT_COMPILER(); ?>\r\nphar-payload-that-must-not-survive-anything\x00\x01GBMB"


def archive() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as inside:
        inside.writestr("payload.html", HTML * 3)
    return out.getvalue()


def in_comment(payload: bytes) -> bytes:
    data = picture()
    length = (len(payload) + 2).to_bytes(2, "big")
    return data[:2] + b"\xff\xfe" + length + payload + data[2:]


@pytest.mark.parametrize(
    ("data", "payload"),
    [
        pytest.param(picture() + HTML, HTML, id="html-behind"),
        pytest.param(in_comment(HTML), HTML, id="html-in-comment"),
        pytest.param(in_comment(SCRIPT), SCRIPT, id="script-in-comment"),
        pytest.param(picture() + archive(), archive(), id="zip-behind"),
        pytest.param(picture() + PHAR, PHAR, id="phar-behind"),
        pytest.param(save(corners(), "JPEG", exif=b"Exif\0\0" + HTML), HTML, id="html-in-exif"),
        pytest.param(
            save(corners(), "PNG")[:-12] + chunk(b"tEXt", b"x\0" + HTML) + chunk(b"IEND", b""),
            HTML,
            id="html-in-png",
        ),
        pytest.param(save(corners(), "WebP") + HTML, HTML, id="html-behind-webp"),
        pytest.param(
            pdf(1, extra=b"/OpenAction << /S /JavaScript /JS (" + ACTION + b") >>"),
            ACTION,
            id="script-in-pdf",
        ),
    ],
)
def test_nothing_of_a_polyglot_survives(
    world: World,
    enrolled: tuple[Person, str],
    monkeypatch: pytest.MonkeyPatch,
    data: bytes,
    payload: bytes,
) -> None:
    """C-01, SECURITY 1: what is sealed holds no 16 bytes of what was hidden."""
    someone, registration = enrolled
    made: list[images.Normalised] = []
    genuine = images.normalise

    def watched(*arguments: Any, **named: Any) -> images.Normalised:
        made.append(genuine(*arguments, **named))
        return made[-1]

    monkeypatch.setattr(images, "normalise", watched)
    someone.upload(registration, data, override="yes")
    no_quota(world, someone)
    assert len(made) == 1
    assert runs(payload, made[0].data) == []
    assert Image.open(io.BytesIO(made[0].data)).format == "JPEG"


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (HTML, "HTML"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "SVG"),
        (archive(), "ZIP"),
        (b"MZ\x90\0" + bytes(100), "EXE"),
        (save(corners(100, 100), "GIF"), "GIF"),
        (save(corners(100, 100), "TIFF"), "TIFF"),
        (save(corners(100, 100), "BMP"), "BMP"),
        (save(corners(64, 64), "ICO"), "ICO"),
        (save(corners(100, 100), "JPEG2000"), "JPEG 2000"),
        (b"8BPS\0\x01" + bytes(100), "PSD"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "EPS"),
        (b"SIMPLE  =                    T", "FITS"),
        (b"\0\0\0\x20ftypavif\0\0\0\0avifmif1" + bytes(99), "AVIF"),
        (b"#!/bin/sh\nrm -rf /\n", "script"),
        (b"\x7fELF" + bytes(100), "ELF"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_is_what_it_holds_whatever_its_name(
    world: World, enrolled: tuple[Person, str], data: bytes, found: str
) -> None:
    """C-02, SECURITY 1."""
    someone, registration = enrolled
    sent = someone.upload(registration, data, name="card.jpg")
    no_quota(world, someone)
    assert sent.status_code == 422
    assert found in words_of(sent)
    assert "JPEG, PNG, WebP, HEIC, PDF" in words_of(sent)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        pytest.param(one_bit_bomb(), "65000", id="one-bit-bomb"),
        pytest.param(huge_frame(), "65500", id="huge-frame"),
        pytest.param(huge_frame(29_000, 29_000), "万像素", id="many-pixels"),
        pytest.param(
            png(29_000, 29_000, 8, 6, chunk(b"IDAT", zeros(10**6))), "5,000", id="png-pixels"
        ),
        pytest.param(
            png(
                1600,
                1000,
                8,
                2,
                chunk(b"iCCP", b"x\0\0" + zeros(200 * 2**20)),
                chunk(b"IDAT", zeros(4801 * 1000)),
            ),
            "",
            id="iccp-bomb",
        ),
        pytest.param(
            png(
                1600,
                1000,
                8,
                2,
                chunk(b"zTXt", b"x\0\0" + zeros(200 * 2**20)),
                chunk(b"IDAT", zeros(4801 * 1000)),
            ),
            "",
            id="ztxt-bomb",
        ),
        pytest.param(png(1600, 1000, 8, 2, chunk(b"IDAT", zeros(500 * 2**20))), "", id="zlib-bomb"),
        pytest.param(pdf(5), "4 页", id="five-pages"),
        pytest.param(pdf(1, objects=300_000), "", id="many-objects"),
        pytest.param(pdf(3000), "3000", id="many-pages"),
        pytest.param(pdf(1, size="0 0"), "", id="no-size"),
        pytest.param(pdf(1, size="1000000 1"), "", id="thin-page"),
        pytest.param(b"%PDF-1.7\n" + bytes(10**6), "", id="empty-pdf"),
        pytest.param(picture()[:20_000], "损坏", id="truncated-jpeg"),
        pytest.param(save(corners(), "PNG")[:3000], "损坏", id="truncated-png"),
        pytest.param(save(corners(), "WebP")[:-400], "损坏", id="truncated-webp"),
        pytest.param(save(corners(), "HEIC")[:-2000], "损坏", id="truncated-heic"),
        pytest.param(b"\xff\xd8\xff", "损坏", id="three-bytes"),
        pytest.param(b"", "空", id="zero-bytes"),
        pytest.param(save(corners(8, 8).resize((1, 1)), "PNG"), "800", id="one-pixel"),
        pytest.param(picture(799, 600), "799", id="too-small"),
        pytest.param(b"\xff\xd8\xff" + bytes(range(256)) * 4000, "损坏", id="noise"),
    ],
)
def test_bombs_and_wrecks_are_answered_at_once(
    world: World, enrolled: tuple[Person, str], data: bytes, words: str
) -> None:
    """C-04, C-07, SECURITY 4: a clear message within two seconds."""
    someone, registration = enrolled
    took = SECONDS
    for _look in range(3):
        began = time.monotonic()
        sent = someone.upload(registration, data)
        took = min(took, time.monotonic() - began)
        no_quota(world, someone)
        assert sent.status_code in (422, 303)
        assert words in words_of(sent)
        if took < SECONDS:
            break
    # What is slow by itself is slow each time; what others take of the machine is not.
    assert took < SECONDS


def test_replacements_at_once_do_not_pass_the_quota(
    world: World, uploader: tuple[Person, str]
) -> None:
    """C-10: every one of them passed the first look; the lock lets no more through than allowed."""
    someone, registration = uploader
    path = f"/registrations/{registration}/documents/id_card_front"
    shown = [hidden_fields(someone.get(path).text) for _each in range(8)]

    def send(fields: dict[str, str]) -> int:
        browser = world.app.test_client()
        browser.set_cookie("heyan_session", someone.token)
        for _try in range(60):
            form = {**fields, "file": (io.BytesIO(picture()), "card.jpg")}
            answer = browser.post(path, data=form)
            if answer.status_code != 503:
                return int(answer.status_code)
            # A crowded machine asks to come again, with the same form.
            assert answer.headers["Retry-After"]
        return 503

    with ThreadPoolExecutor(8) as pool:
        answers = sorted(pool.map(send, shown))
    allowed = 1 + world.settings.replacements_per_day
    assert answers == [303] * allowed + [429] * (8 - allowed)
    assert len(documents(world, registration)) == allowed
    # What was sealed for the others is known to no row, and goes with the sweep.


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "a\x00b.jpg",
        "\u202egpj.exe",
        "x\r\nSet-Cookie: a=b.jpg",
        "😀" * 50 + ".jpg",
        "n" * 4096 + ".jpg",
        '"><script>alert(1)</script>.jpg',
        "CON",
        "",
    ],
    ids=range(9),
)
def test_names_of_files_mean_nothing(world: World, enrolled: tuple[Person, str], name: str) -> None:
    """C-09, SECURITY 6."""
    someone, registration = enrolled
    sent = someone.upload(registration, HTML, name=name or "x")
    no_quota(world, someone)
    assert sent.status_code == 422
    assert "<script>alert" not in sent.text
    assert "Set-Cookie: a=b" not in str(sent.headers)


def test_a_double_click_makes_one_document(world: World, uploader: tuple[Person, str]) -> None:
    """C-11, SECURITY 9: at once, and again later."""
    someone, registration = uploader
    path = f"/registrations/{registration}/documents/id_card_front"
    fields = hidden_fields(someone.get(path).text)
    data = picture()

    def click(_turn: int) -> str:
        browser = world.app.test_client()
        browser.set_cookie("heyan_session", someone.token, domain="localhost")
        sent = browser.post(path, data={**fields, "file": (io.BytesIO(data), "a.jpg")})
        assert sent.status_code == 303, words_of(sent)
        return str(sent.headers["Location"])

    with ThreadPoolExecutor(4) as threads:
        places = set(threads.map(click, range(4)))
    places.add(click(9))
    assert len(places) == 1
    assert len(documents(world, registration)) == 1
    rows = world.rows(
        "SELECT 1 FROM audit_entries WHERE action = 'documents.receive'"
        " AND details->>'registration_id' = :r",
        r=registration,
    )
    assert len(rows) == 1


def test_a_form_sent_for_another_kind_or_registration_swallows_no_picture(world: World) -> None:
    """C-11, SECURITY 9, 29: a token counts for its own kind of its own registration alone."""
    event = world.event(kinds=(DocumentKind.ID_CARD_FRONT, DocumentKind.ID_CARD_BACK))
    someone = world.person()
    first = someone.ready(event.slug, name="王小满")
    second = someone.ready(event.slug, name="王小麦")
    token = uuid.uuid4().hex
    places = [
        someone.upload(registration, picture(), kind, upload_token=token).headers["Location"]
        for registration in (first, second)
        for kind in ("id_card_front", "id_card_back", "id_card_front", "id_card_back")
    ]
    assert len(set(places)) == 4
    assert places[:2] == places[2:4]
    for registration, mine in ((first, places[:2]), (second, places[4:6])):
        rows = {row.kind: row for row in documents(world, registration)}
        assert mine == [f"/documents/{rows[kind].id}" for kind in ("id_card_front", "id_card_back")]
        assert {row.state for row in rows.values()} == {"sealed"}


def test_one_student_in_two_accounts_has_two_quotas_and_neither_uses_up_the_others(
    world: World, uploader: tuple[Person, str]
) -> None:
    """C-10: quotas count by account; a second account of the same student is a person of its own,
    and an account that begins anew for another student or event does not begin a new quota.
    """
    someone, registration = uploader
    other = world.person()
    event = world.rows("SELECT slug FROM events e JOIN registrations r ON r.event_id = e.id"
                       " WHERE r.id = :r", r=registration)[0].slug  # fmt: skip
    same = other.ready(event)
    with world.owner.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO upload_counts (account_id, hour, uploads, bytes) VALUES (%s, %s, 60, 1)"
            " ON CONFLICT (account_id, hour) DO UPDATE SET uploads = 60",
            (someone.account_id, clock.now().replace(minute=0, second=0, microsecond=0)),
        )
    assert someone.upload(registration, picture()).status_code == 429
    assert other.upload(same, picture()).status_code == 303
    for fresh in (someone.ready(event, name="王小麦"), someone.ready(world.event().slug)):
        assert someone.upload(fresh, picture()).status_code == 429
    someone.post(f"/registrations/{registration}/withdraw")
    again = someone.ready(event, name="王小满")
    assert someone.upload(again, picture()).status_code == 429
    assert documents(world, again) == []


def test_the_61st_upload_of_a_day_is_refused_and_others_go_on(
    world: World, uploader: tuple[Person, str]
) -> None:
    """C-10."""
    someone, registration = uploader
    with world.owner.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO upload_counts (account_id, hour, uploads, bytes) VALUES (%s, %s, 60, 1)"
            " ON CONFLICT (account_id, hour) DO UPDATE SET uploads = 60",
            (someone.account_id, clock.now().replace(minute=0, second=0) - timedelta(hours=3)),
        )
    sent = someone.upload(registration, picture())
    assert sent.status_code == 429
    assert "60 次" in words_of(sent)
    other = world.person()
    assert other.upload(other.ready(world.event().slug), picture()).status_code == 303


class Unread(io.RawIOBase):
    """A body that must not be read."""

    def readable(self) -> bool:
        return True

    def readinto(self, _buffer: Any) -> int:
        raise AssertionError("the body was read")


def headers_alone(who: Person, path: str) -> Any:
    """Post with a body that fails the test when it is touched while the answer is made."""
    return who.client.post(
        path,
        content_type="multipart/form-data; boundary=x",
        environ_overrides={"wsgi.input": Unread(), "CONTENT_LENGTH": "20000000"},
        buffered=False,
    )


def test_closed_foreign_and_decided_doors_are_shut_before_the_body(
    world: World, uploader: tuple[Person, str]
) -> None:
    """C-12."""
    someone, registration = uploader
    path = f"/registrations/{registration}/documents/id_card_front"
    stranger = world.person()
    assert headers_alone(stranger, path).status_code == 404
    assert headers_alone(someone, path.replace(registration, str(uuid.uuid4()))).status_code == 404
    assert headers_alone(someone, path.replace("front", "side")).status_code == 404
    assert someone.upload(registration, picture()).status_code == 303
    for state in ("accepted", "released"):
        with world.owner.begin() as connection:
            connection.exec_driver_sql(
                f"UPDATE documents SET state = '{state}' WHERE registration_id = %s",
                (registration,),
            )
        assert headers_alone(someone, path).status_code == 409
    with world.owner.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE registrations SET status = 'withdrawn' WHERE id = %s", (registration,)
        )
    assert headers_alone(someone, path).status_code == 409
    closed = world.event()
    late = someone.start(closed.slug, someone.student("李晚来"))
    someone.answer(late)
    someone.agree(late)
    with world.owner.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE events SET closes_at = now() - interval '1 second' WHERE id = %s", (closed.id,)
        )
    assert headers_alone(someone, path.replace(registration, late)).status_code == 409


@pytest.mark.parametrize("fault", ["none", "foreign-root", "other-event", "expired"])
def test_without_a_trusted_vault_key_nothing_is_read(world: World, fault: str) -> None:
    """C-17, SECURITY 12."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    someone, event = world.person(), world.event()
    registration = someone.ready(event.slug)
    with world.owner.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE vault_keys SET status = 'retired' WHERE event_id = %s", (event.id,)
        )
    if fault == "foreign-root":
        world.vault_key(event.id, root=Ed25519PrivateKey.generate(), version=2)
    elif fault == "other-event":
        world.vault_key(event.id, signed_for=world.event().id, version=2)
    elif fault == "expired":
        world.vault_key(event.id, not_after=clock.now() - timedelta(seconds=1), version=2)
    path = f"/registrations/{registration}/documents/id_card_front"
    assert headers_alone(someone, path).status_code == 503


def test_what_is_hard_to_read_is_said_first_and_can_be_overridden(
    world: World, uploader: tuple[Person, str]
) -> None:
    """SECURITY 7."""
    someone, registration = uploader
    dim = save(Image.open(io.BytesIO(picture())).point(lambda value: value // 8), "JPEG")
    sent = someone.upload(registration, dim)
    assert sent.status_code == 422
    assert "偏暗" in words_of(sent)
    assert documents(world, registration) == []
    assert someone.upload(registration, dim, override="yes").status_code == 303
    (row,) = documents(world, registration)
    assert row.warnings == ["dark"]


def test_what_is_sealed_carries_organizer_event_and_number(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN 2.5; a portrait for the admission ticket stays clean."""
    seen: list[images.Mark | None] = []
    genuine = images.normalise

    def watched(data: bytes, spec: Any, mark: Any, **named: Any) -> images.Normalised:
        seen.append(mark)
        return genuine(data, spec, mark, **named)

    monkeypatch.setattr(images, "normalise", watched)
    event = world.event(kinds=(DocumentKind.ID_CARD_FRONT, DocumentKind.PORTRAIT))
    someone = world.person()
    registration = someone.ready(event.slug)
    assert someone.upload(registration, picture()).status_code == 303
    assert someone.upload(registration, picture(), "portrait").status_code == 303
    mark, clean = seen
    assert clean is None
    assert mark is not None
    assert mark.event == event.title
    assert mark.organizer.startswith("华北科教协会")
    assert mark.date == clock.local(clock.now()).date().isoformat()
    assert mark.lines()[2] == "仅供身份核验"
