"""What an event asks of a picture is said on the page, met by the site, or refused by number."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from heyan.custody import images
from heyan.events.models import DocumentKind
from tests.enrolment import Person, World, picture, words_of
from tests.pictures import pdf, save

PORTRAIT = DocumentKind.PORTRAIT


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[images.Normalised]:
    """What the site made of each picture, before it was sealed."""
    seen: list[images.Normalised] = []
    genuine = images.normalise

    def watched(*given: object, **named: object) -> images.Normalised:
        found = genuine(*given, **named)  # type: ignore[arg-type] # passed on as it came
        seen.append(found)
        return found

    monkeypatch.setattr(images, "normalise", watched)
    return seen


def ticket(world: World, person: Person) -> str:
    """Register for an event that wants a ticket's portrait to the pixel and the kilobyte."""
    event = world.event(kinds=(PORTRAIT,))
    with world.owner.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE event_document_kinds SET width = 295, height = 413, dpi = 300, marked = false,"
            " min_bytes = 15000, max_bytes = 40000 WHERE event_id = %s",
            (event.id,),
        )
    registration = person.start(event.slug, person.student())
    person.answer(registration)
    person.agree(registration)
    return registration


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "HEIC"])
def test_an_exact_portrait_comes_out_of_any_format_as_the_page_says(
    world: World, person: Person, made: list[images.Normalised], form: str
) -> None:
    """C2: pixels, DPI and kilobytes, through the upload page."""
    registration = ticket(world, person)
    page = words_of(person.get(f"/registrations/{registration}/documents/portrait"))
    assert "295×413 像素" in page
    assert "300 DPI" in page
    assert "15 KB 到 39 KB" in page
    assert "长边至少 413 像素" in page
    drawn = Image.open(io.BytesIO(picture(590, 826)))
    sent = person.upload(registration, save(drawn, form), "portrait")
    assert sent.status_code == 303, words_of(sent)
    (one,) = made
    image = Image.open(io.BytesIO(one.data))
    assert (image.format, image.size, image.info["dpi"]) == ("JPEG", (295, 413), (300, 300))
    assert 15_000 <= len(one.data) <= 40_000
    (row,) = world.rows(
        "SELECT width, height, picture_bytes FROM documents WHERE registration_id = :r",
        r=registration,
    )
    assert (row.width, row.height, row.picture_bytes) == (295, 413, len(one.data))


def test_what_cannot_meet_it_is_refused_by_number(world: World, person: Person) -> None:
    """C2: the limit and what was measured stand in the sentence."""
    registration = ticket(world, person)
    wide = person.upload(registration, picture(1600, 1000), "portrait")
    assert wide.status_code == 422
    assert "295×413" in words_of(wide)
    assert "1600×1000" in words_of(wide)
    small = person.upload(registration, picture(148, 207), "portrait")
    assert small.status_code == 422
    assert "413" in words_of(small)
    assert "207" in words_of(small)


def test_a_pdf_of_four_pages_is_taken_and_one_of_five_is_not(world: World, person: Person) -> None:
    """Up to four pages, drawn one below the other."""
    registration = person.ready(world.event().slug)
    five = person.upload(registration, pdf(5), name="card.pdf")
    assert five.status_code == 422
    assert "PDF 最多 4 页，这个文件有 5 页" in words_of(five)
    four = person.upload(registration, pdf(4), name="card.pdf", override="yes")
    assert four.status_code == 303, words_of(four)
    (row,) = world.rows("SELECT pages FROM documents WHERE registration_id = :r", r=registration)
    assert row.pages == 4
