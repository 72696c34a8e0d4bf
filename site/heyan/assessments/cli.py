"""The evidence for an assessor, in one command (L-24, L-31)."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import click
from defusedxml import ElementTree
from flask.cli import AppGroup, with_appcontext
from flask_babel import force_locale
from sqlalchemy import func, select

from heyan import clock, web
from heyan.assessments import minors, processing
from heyan.assessments.models import Assessment
from heyan.audit.models import AuditEntry
from heyan.consent.models import ConsentRecord

assessments_cli = AppGroup("assessments", help="Proof for audits and assessors.")
TESTS = Path(__file__).resolve().parents[3] / "docs" / "tests.md"
ROW = re.compile(r"^\|(.+)\|\s*$")


@assessments_cli.command("evidence")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--results",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="folder of JUnit files that the last run of the tests left",
)
@with_appcontext
def evidence(folder: Path, results: Path | None) -> None:
    """Write registry, ledger, audit counts, assessments, each control's tests and results."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with web.heyan().sessions() as session, force_locale("zh_CN"):
        _table(folder / "processing.csv", [processing.heads(), *processing.rows(web.settings())])
        ledger = session.execute(
            select(ConsentRecord.purpose, ConsentRecord.granted, func.count()).group_by(
                ConsentRecord.purpose, ConsentRecord.granted
            )
        )
        _table(folder / "ledger.csv", [["purpose", "granted", "count"], *map(list, ledger)])
        audit = session.execute(
            select(AuditEntry.action, AuditEntry.outcome, func.count())
            .group_by(AuditEntry.action, AuditEntry.outcome)
            .order_by(AuditEntry.action)
        )
        _table(folder / "audit.csv", [["action", "outcome", "count"], *map(list, audit)])
        found = session.execute(
            select(
                Assessment.id, Assessment.subject, Assessment.confirmed_at, Assessment.review_at
            ).order_by(Assessment.id)
        )
        _table(
            folder / "assessments.csv",
            [["id", "subject", "confirmed_at", "review_at"], *map(list, found)],
        )
        persons = processing.persons(session)
        year = minors.year_due(clock.now())
        facts = {
            "made_at": clock.now().isoformat(),
            "persons": persons.everyone,
            "sensitive_persons": persons.sensitive,
            "alarms": persons.alarms,
            "minors": {"year": year, **minors.figures(session, year)},
        }
    found_tests = controls(TESTS.read_text("utf-8"))
    _table(folder / "controls.csv", with_results(found_tests, results))
    (folder / "facts.json").write_text(json.dumps(facts, indent=2, ensure_ascii=False), "utf-8")
    click.echo(f"written: {', '.join(sorted(one.name for one in folder.iterdir()))}")


def controls(text: str) -> list[list[str]]:
    """Return the table rows of docs/tests.md: each control with the tests that show it."""
    found = []
    for line in text.splitlines():
        if match := ROW.match(line):
            cells = [cell.strip() for cell in match[1].split("|")]
            if not all(set(cell) <= set("-: ") for cell in cells):
                found.append(cells)
    return found


def with_results(lines: list[list[str]], results: Path | None) -> list[list[str]]:
    """Return the same rows, each with what came of its tests the last time they ran (L-31)."""
    came_of_it, ran_at = _results(results) if results is not None else ({}, "")
    found = []
    for line in lines:
        named = re.findall(r"`([^`]+)`", line[-1])
        if not named:
            found.append([*line, "last result" if line[0] == "number" else "no test"])
            continue
        said = Counter(came_of_it.get(one, "not run") for one in named)
        words = ", ".join(f"{count} {what}" for what, count in sorted(said.items()))
        found.append([*line, f"{words} {ran_at}".strip()])
    return found


def _results(folder: Path) -> tuple[dict[str, str], str]:
    """Return each test's outcome, the worst of its cases, and when the last of the files ran."""
    order = ("passed", "skipped", "failed")
    found: dict[str, str] = {}
    times = []
    for path in sorted(folder.glob("*.xml")):
        root = ElementTree.fromstring(path.read_bytes())
        times += [suite.get("timestamp", "") for suite in root.iter("testsuite")]
        for case in root.iter("testcase"):
            module = case.get("classname", "").replace(".", "/")
            name = f"{module}.py::{case.get('name', '').partition('[')[0]}"
            bad = case.find("failure") is not None or case.find("error") is not None
            outcome = "failed" if bad else "passed"
            outcome = "skipped" if case.find("skipped") is not None else outcome
            found[name] = max(found.get(name, "passed"), outcome, key=order.index)
    return found, max(times, default="")[:10]


def _table(path: Path, lines: Iterable[Iterable[object]]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as out:
        csv.writer(out).writerows(lines)
