"""The student's scenes: an account, a registration, two pictures, custody, a picture again."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from deploy.local import demo_people
from deploy.local.rehearsal import cards
from deploy.local.rehearsal.browser import Answer, Browser, FilePart
from deploy.local.rehearsal.cards import Holder
from deploy.local.rehearsal.play import Play, check, wait_for
from heyan.custody.receipts import read_receipt

WHO = "student"
KINDS = ("id_card_front", "id_card_back")


@dataclass
class Student:
    """A new account holder, and what they did so far."""

    browser: Browser
    person: Holder
    password: str = ""
    # Empty until a second factor is set up.
    totp_secret: str = ""
    registration: str = ""
    number: str = ""
    documents: dict[str, str] = field(default_factory=dict)
    pictures: dict[str, bytes] = field(default_factory=dict)


def opens_an_account(play: Play, person: Holder, who: str = WHO) -> Student:
    """Register and sign in with a fresh phone number."""
    browser = play.browser(who)
    password = demo_people.password()
    page = browser.get("/account/register")
    form = page.form("phone", "password", "consent")
    ticked = form.options.get("consent", ["y"])[0]
    page = browser.send(form, phone=person.phone, password=password, consent=ticked)
    check(page.status == 200, page, "the account is opened")
    page = browser.send(page.form("phone", "password"), phone=person.phone, password=password)
    check(page.status == 200 and "login" not in page.path, page, "the new account signs in")
    play.told(who, "opened an account and signed in")
    return Student(browser, person, password=password)


def binds_a_student(play: Play, student: Student) -> None:
    """Add the person who is to be registered."""
    page = student.browser.get("/students/new")
    form = page.form("name", "birth_date", "relation")
    page = student.browser.send(
        form,
        name=student.person.name,
        birth_date=student.person.born.isoformat(),
        relation="child",
    )
    check(page.status == 200 and student.person.name in page.text, page, "the student is listed")
    play.told(WHO, "added a student, 15 years old")


def fills_in(play: Play, student: Student, slug: str) -> None:
    """Start a registration from the event's page and answer, consent, and give the number."""
    browser = student.browser
    page = browser.get(f"/events/{slug}")
    check(page.status == 200, page, "the event has a page")
    check(page.links(r"/registrations/new\?event="), page, "the event's page leads to enrolment")
    page = browser.get(page.links(r"/registrations/new\?event=")[0])
    form = page.form("student")
    page = browser.send(form, student=form.options["student"][0])
    student.registration = page.path.split("/")[2]
    page = browser.send(page.form("field_school"), **_answers(page))
    check(page.path.endswith("/consents"), page, "the consents come next")
    denied = browser.get(f"/registrations/{student.registration}/documents/{KINDS[0]}")
    check('name="file"' not in denied.text, denied, "nothing can be chosen before the consents")
    form = page.form("identity_documents", "hand_over")
    check(not {"identity_documents", "hand_over"} & set(form.values), page, "no box is ticked")
    page = browser.send(form, identity_documents="y", hand_over="y", action="agree")
    check(page.path.endswith("/identity"), page, "the ID number comes next")
    wrong = student.person.number[:-1] + ("0" if student.person.number[-1] != "0" else "1")
    page = browser.send(page.form("id_number"), id_number=wrong)
    check(page.status == 422, page, "a wrong check digit is noticed")
    page = browser.send(page.form("id_number"), id_number=student.person.number)
    check(page.status == 200 and "/documents" in page.path, page, "the documents come next")
    check(student.person.number not in page.text, page, "the number is never shown again")
    play.told(WHO, "answered, gave both consents, gave the ID number (sealed at once)")


def _answers(page: Answer) -> dict[str, str]:
    form = page.form("field_school")
    answers = {"field_school": "示例第一中学"}
    for name in form.names:
        if name.startswith("field_") and name not in answers:
            offered = [value for value in form.options.get(name, []) if value]
            answers[name] = offered[0] if offered else "1"
    return answers


def uploads(play: Play, student: Student, kind: str, picture: bytes) -> None:
    """Hand in one picture and follow it to its custody page."""
    browser = student.browser
    page = browser.get(f"/registrations/{student.registration}/documents/{kind}")
    form = page.form("file", "upload_token")
    page = browser.send(form, file=FilePart("IMG_2041.jpg", picture))
    check(page.status == 200 and page.path.startswith("/documents/"), page, "custody is shown")
    check('data-state="sealed"' in page.text, page, "the picture is sealed")
    student.documents[kind] = page.path.rsplit("/", 1)[1]
    student.pictures[kind] = picture
    size = len(picture) / 1e6
    play.told(WHO, f"uploaded {kind} ({size:.1f} MB with place and camera in it): sealed")


def both_sides(person: Holder) -> dict[str, bytes]:
    """Photograph the card: the front held upright, the back as it lies."""
    front, back = cards.front(person), cards.back(person)
    return {
        KINDS[0]: cards.photograph(front, turned=True),
        KINDS[1]: cards.photograph(back, tilt=-3),
    }


def submits(play: Play, student: Student) -> None:
    """Check the answers and submit; the receipt has a number."""
    browser = student.browser
    page = browser.get(f"/registrations/{student.registration}/check")
    check(student.person.name in page.text, page, "the answers are shown for checking")
    page = browser.send(page.form("csrf_token", to="/check$"))
    found = re.search(r'data-number="([^"]+)"', page.text)
    check(found, page, "the receipt has a number")
    student.number = found[1] if found else ""
    page = browser.get(f"/registrations/{student.registration}/check")
    check(student.number in page.text, page, "submitting twice makes one registration")
    play.told(WHO, f"checked and submitted: {student.number}")


def receipts(play: Play, student: Student, kind: str, *steps: str) -> None:
    """Wait until the worker has signed the receipts of *steps*, and verify every one."""
    path = f"/documents/{student.documents[kind]}/receipts"

    def signed() -> list[dict[str, Any]] | None:
        answer = student.browser.get(path)
        check(answer.status == 200, answer, "the receipts can be downloaded")
        found: list[dict[str, Any]] = answer.json()["receipts"]
        done = {one["step"] for one in found if one["envelope"]}
        return found if set(steps) <= done and all(one["envelope"] for one in found) else None

    found = wait_for(signed, 75, f"signed receipts of {', '.join(steps)}")
    root = Ed25519PublicKey.from_public_bytes(play.root_public_key)
    for one in found:
        said = read_receipt(json.dumps(one["envelope"]), root)
        check(said["document_id"] == student.documents[kind], None, "a receipt of this document")
    shown = " ".join(one["step"] for one in found)
    play.told(WHO, f"verified {len(found)} receipts of {kind} with the root's key: {shown}")


def sees_the_decision(play: Play, student: Student, kind: str, reason: str) -> None:
    """Find what came back and why, in words."""
    page = student.browser.get(f"/registrations/{student.registration}")
    link = f"/documents/{student.documents[kind]}"
    check(page.links(re.escape(link)), page, "the registration says what came back")
    page = student.browser.get(link)
    check('data-state="returned"' in page.text, page, "the picture is marked as returned")
    check(reason in page.words, page, "the organizer's own words are shown")
    play.told(WHO, f"saw that {kind} came back, why, and until when to replace it")


def is_verified(play: Play, student: Student) -> None:
    """See that everything is accepted."""
    page = student.browser.get(f"/registrations/{student.registration}")
    check("核验通过" in page.words, page, "the registration is verified")
    for document in student.documents.values():
        page = student.browser.get(f"/documents/{document}")
        check('data-state="accepted"' in page.text, page, "each picture is accepted")
    play.told(WHO, "saw that everything is accepted")


def a_stranger_is_refused(play: Play, student: Student, person: Holder) -> None:
    """Another account and no account at all get nothing of it."""
    other = opens_an_account(play, person, "stranger")
    paths = [f"/registrations/{student.registration}"]
    for document in student.documents.values():
        paths += [f"/documents/{document}", f"/documents/{document}/receipts"]
    paths.append(f"/registrations/{student.registration}/documents/{KINDS[0]}")
    nobody = play.browser("nobody")
    for path in paths:
        answer = other.browser.raw("GET", path)
        check(answer.status == 404, answer, f"another account gets 404 for {path.split('/')[1]}")
        answer = nobody.raw("GET", path)
        check(answer.status in (302, 303, 401, 404), answer, "nobody gets to the sign-in page")
    play.told("stranger", f"asked for {len(paths)} of these pages: 404 each")


def proven(play: Play, student: Student, path: str) -> Answer:
    """Open a page that asks once more who sits there: by code where there is a second factor."""
    browser = student.browser
    page = browser.get(path)
    if page.path == "/account/step-up" and student.totp_secret:
        page = play.enter(browser, page, student.totp_secret)
    elif page.path == "/account/step-up":
        page = browser.send(page.form("password"), password=student.password)
    check(page.status == 200 and page.path == path, page, f"{path} opens after the proof")
    return page


def sets_up_a_factor(play: Play, student: Student) -> None:
    """Add one-time codes to the account."""
    page = proven(play, student, "/account/authenticator/replace")
    found = re.search(r'<code class="secret">([A-Z2-7 ]+)</code>', page.text)
    check(found, page, "the secret is shown for the app")
    student.totp_secret = found[1].replace(" ", "") if found else ""
    page = play.enter(student.browser, page, student.totp_secret)
    check(page.status == 200 and "备用码" in page.words, page, "the second factor is set up")
    play.told(WHO, "added one-time codes to the account")
