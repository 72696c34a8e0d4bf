"""`./dev rehearse`: plays the main job against the running site; exit 0 only if all of it held."""

from __future__ import annotations

import argparse
import base64
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from deploy.local.rehearsal import assisted, cards, dispute, organizer, rights, student, visitor
from deploy.local.rehearsal.browser import StepFailed
from deploy.local.rehearsal.play import Play
from deploy.local.variables import ROOT

SLUG = "huabei-kechuang-12"
REASON = "右下角反光，证件号码后四位看不清"


def play(run: Play) -> None:
    """Play every scene, in the order in which they happen."""
    today = datetime.now(UTC).date()
    caller, person, stranger = (cards.holder(today) for _one in range(3))
    for each in (caller, person, stranger):
        run.remember(each)

    visitor.reads(run, SLUG)
    visitor.leaves_a_lead(run, caller)
    clerk = visitor.service_takes_it(run, caller)

    pupil = student.opens_an_account(run, person)
    student.binds_a_student(run, pupil)
    student.fills_in(run, pupil, SLUG)
    for kind, picture in student.both_sides(person).items():
        student.uploads(run, pupil, kind, picture)
    student.submits(run, pupil)
    student.a_stranger_is_refused(run, pupil, stranger)

    desk = organizer.signs_in(run)
    first = organizer.asks_for_a_batch(run, desk, SLUG)
    opened = organizer.opens(run, desk, first, [pupil])
    student.receipts(run, pupil, student.KINDS[0], "received", "sealed", "offered", "fetched")
    organizer.decides(run, desk, opened, pupil, returned={student.KINDS[1]: REASON})
    student.sees_the_decision(run, pupil, student.KINDS[1], REASON)
    replacement = cards.photograph(cards.back(person), tilt=1)
    student.uploads(run, pupil, student.KINDS[1], replacement)

    second = organizer.asks_for_a_batch(run, desk, SLUG)
    opened = organizer.opens(run, desk, second, [pupil], only=[student.KINDS[1]])
    organizer.decides(run, desk, opened, pupil, returned={})
    student.is_verified(run, pupil)
    student.receipts(run, pupil, student.KINDS[1], "received", "sealed", "offered", "accepted")

    side = student.KINDS[1]
    had = next(d for d in opened.documents(pupil.number) if d["kind"] == side)
    dispute.is_settled(run, clerk, pupil, side, opened.pictures[had["path"]])
    student.sets_up_a_factor(run, pupil)
    assisted.resets(run, clerk, pupil)
    assisted.frees_from_strange_hands(run, clerk, pupil)

    rights.takes_a_copy(run, pupil)
    rights.corrects(run, pupil)
    rights.takes_a_consent_back(run, pupil, desk)
    rights.closes_the_account(run, pupil)


def main() -> int:
    """Read demo.json, play, and tell how it ended."""
    parser = argparse.ArgumentParser(prog="./dev rehearse", description=__doc__)
    parser.add_argument("--personal", type=Path, help="write what was handed in here, for tests")
    arguments = parser.parse_args()
    home = Path(os.environ.get("HEYAN_HOME") or ROOT / "var").absolute()
    known = home / "demo.json"
    if not known.exists():
        print(f"no {known}: start the site with ./dev up first")
        return 1
    demo = json.loads(known.read_text("utf-8"))
    base_url = demo["base_url"]
    if port := os.environ.get("PORT"):
        base_url = f"http://127.0.0.1:{port}"
    run = Play(base_url, demo, base64.b64decode(demo["root_public_key"]))
    try:
        play(run)
    except (StepFailed, OSError) as failed:
        print(f"FAILED after {run.steps} steps: {failed}")
        return 1
    finally:
        if arguments.personal:
            arguments.personal.write_text(json.dumps(run.personal, ensure_ascii=False), "utf-8")
    print(f"the whole main job held: {run.steps} steps")
    return 0


if __name__ == "__main__":
    sys.exit(main())
