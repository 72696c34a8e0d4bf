"""Every act that takes two people, against one human with two accounts and fifty at once (C-50)."""

from __future__ import annotations

import ast
import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest

from deploy.local.variables import ROOT
from heyan.accounts import devices
from tests.enrolment import World
from tests.staff import Colleague, colleague
from tests.two_people import KINDS, begun

PARALLEL = 50
# How a verb says that this one may not, or that another was first.
NO = {
    *("SamePerson", "NotTheOther", "NotApprover", "ResetRefused", "OwnAlert", "OwnFlag"),
    *("FindingRefused", "TrainingRefused"),
    *("NotNow", "ForbiddenTransition", "AlreadySettled", "AlreadyConfirmed", "NotWaiting"),
    *("DraftClosed", "NoEnding", "WrongState", "ChangeUnknown", "AlertClosed", "WrongTurn"),
}


@pytest.mark.parametrize("what", KINDS)
def test_two_people_are_two_however_many_accounts_and_requests(world: World, what: str) -> None:
    """C-50, SECURITY 30: own, same name, same staff number, same browser; fifty at once."""
    kind = KINDS[what]
    with begun(world, kind) as (first, name, named):
        with world.session() as session:
            token = devices.remember(session, world.settings, first.account_id)
        twin = colleague(world, kind.second, name=f"{name[:2]} {name[2:]}（另一账号）")
        numbered = colleague(world, kind.second, staff_number=f" n-{name}")
        others = [colleague(world, kind.second) for _ in range(2)]
        # Who, and what their browser holds.
        one_human = [(first, ()), (twin, ()), (numbered, ()), (others[0], (token,))]
        two_humans = [(other, ()) for other in others]

        def go(pair: tuple[Colleague, tuple[str, ...]]) -> str:
            who, browser = pair
            with world.session() as session:
                try:
                    kind.verb(session, who.actor, *named, browser=browser, **dict(kind.more))
                except Exception as error:  # noqa: BLE001 - told apart below
                    return type(error).__name__
                session.commit()
                return "done"

        with ThreadPoolExecutor(16) as pool:
            alone = list(pool.map(go, itertools.islice(itertools.cycle(one_human), PARALLEL)))
            assert "done" not in alone
            mixed = [*one_human, *two_humans]
            together = list(pool.map(go, itertools.islice(itertools.cycle(mixed), PARALLEL)))
    assert set(alone) | set(together) <= NO | {"done"}
    assert together.count("done") >= 1
    if not kind.again:
        assert together.count("done") == 1


def _verbs() -> set[str]:
    """Every verb that asks what the second person's browser holds."""
    found = set()
    for path in (ROOT / "site/heyan").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.FunctionDef) and any(
                one.arg == "browser" for one in node.args.kwonlyargs
            ):
                module = ".".join(path.relative_to(ROOT / "site").with_suffix("").parts)
                found.add(f"{module}.{node.name}")
    return found - {"heyan.accounts.twofold.same_human", "heyan.retention.holds.other_of_two"}


def test_no_kind_is_left_out() -> None:
    """C-50: a new verb that asks for two people is tried above, too."""
    assert {f"{kind.verb.__module__}.{kind.verb.__name__}" for kind in KINDS.values()} == _verbs()


def test_every_page_says_what_its_browser_holds() -> None:
    """C-50: the verb cannot know it; a page that forgets would let the same browser through."""
    verbs, asked, silent = _verbs(), set(), []
    for path in (ROOT / "site/heyan").rglob("*views.py"):
        tree = ast.parse(path.read_text("utf-8"))
        modules = {
            one.asname or one.name: f"{node.module}.{one.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for one in node.names
        }
        told = {
            id(node.func): any(word.arg == "browser" for word in node.keywords)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Attribute):
                continue
            verb = f"{modules.get(ast.unparse(node.value))}.{node.attr}"
            if verb not in verbs:
                continue
            asked.add(verb)
            # Chosen by a button and called by another name: the file says it somewhere.
            if not told.get(id(node), "browser=client().devices" in path.read_text("utf-8")):
                silent.append(f"{path.name}:{node.lineno} {verb}")
    assert silent == []
    assert asked == verbs
