"""Whatever happens in whatever order: what was destroyed stays so, what must be kept is there.

A stateful search over registrations, uploads, consents taken back, holds, releases, sweeps, events
that end, closings and restores, over real engines. A restore here is what a backup does to rows:
they are as they were, and the journal beside the anchors is not.
"""

from __future__ import annotations

import time
import types
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from hypothesis.strategies import DataObject, data, sampled_from
from sqlalchemy import false, text, true

from heyan import clock as clocks
from heyan import web
from heyan.accounts.models import Account
from heyan.audit.service import OPERATOR
from heyan.consent.purposes import HAND_OVER, IDENTITY_DOCUMENTS
from heyan.consent.service import Evidence
from heyan.custody.objects import ObjectMissing, ObjectStore
from heyan.documents.models import Document
from heyan.registrations.service import load
from heyan.registrations.states import ForbiddenTransition
from heyan.registrations.submission import withdraw
from heyan.retention import holds
from heyan.rights import acts
from tests.enrolment import Person, World
from tests.keeping import hold, pair, release
from tests.staff import Colleague
from tests.worker import opened
from uploads_worker import destruction, endings, sweep, tombstones, vault
from uploads_worker.context import Context
from uploads_worker.keeping import holds_journal

SECONDS = 35
# What a backup of rows holds; parents first.
TABLES = (
    "accounts",
    "events",
    "vault_keys",
    "students",
    "registrations",
    "documents",
    "legal_holds",
)


@dataclass
class Subject:
    """One registration with one document, and what was ever seen of it."""

    person: Person
    event_id: uuid.UUID
    registration_id: uuid.UUID
    document_id: uuid.UUID
    destroyed: bool = False
    # At the last look.
    held: bool = False
    holds: list[uuid.UUID] = field(default_factory=list)


class Histories(RuleBasedStateMachine):
    """The site's life, one step at a time."""

    world: World
    context: Context
    move: Any
    began: float
    people: tuple[Colleague, Colleague]

    def __init__(self) -> None:
        super().__init__()
        self.subjects: list[Subject] = []
        self.backup: dict[str, list[dict[str, Any]]] | None = None
        self.backed: set[uuid.UUID] = set()
        self.ending = False

    @initialize()
    def an_event_with_a_key(self) -> None:
        if self._over():
            # Time is up: no further history begins.
            return
        self.event = self.world.event(with_key=False)
        vault.provision(self.context, self.event.id)
        self.hand_in()
        # Whatever is destroyed from here on, the end of the history tries to bring back.
        self.back_up()

    def teardown(self) -> None:
        """Sweep and restore once more: no history ends before its last backup was tried."""
        self.ending = True
        if self.backup is None:
            return
        for last in (self.sweep_now, self.restore, self.sweep_now):
            last()
            self.check_invariants()

    def _some(self, choice: DataObject) -> Subject:
        return choice.draw(sampled_from(self.subjects))

    def _over(self) -> bool:
        return not self.ending and time.monotonic() - type(self).began > SECONDS

    # --- acts ---

    @precondition(lambda self: 0 < len(self.subjects) < 3)
    @rule()
    def hand_in(self) -> None:
        """Somebody registers and hands in a document, with both consents."""
        state = self.world.rows("SELECT status FROM events WHERE id = :e", e=self.event.id)
        if self._over() or state[0][0] == "ended":
            return
        person = self.world.person()
        try:
            registration, document = person.submitted(self.event.slug)
        except (AssertionError, IndexError):
            # The window is closed by now.
            return
        self.subjects.append(
            Subject(person, self.event.id, uuid.UUID(registration), uuid.UUID(document))
        )

    @precondition(lambda self: bool(self.subjects))
    @rule(choice=data(), purpose=sampled_from(["", IDENTITY_DOCUMENTS, HAND_OVER]))
    def withdraw(self, choice: DataObject, purpose: str) -> None:
        """Somebody withdraws, or takes one consent back; the deletion is due at once."""
        one = self._some(choice)
        owner, evidence = one.person.account_id, Evidence("test", "test")
        with self.world.session() as session:
            try:
                if purpose:
                    acts.withdraw_consent(
                        session, OPERATOR, owner, purpose, one.registration_id, evidence, "撤回"
                    )
                else:
                    registration = load(session, owner, one.registration_id)
                    withdraw(session, OPERATOR, registration, evidence, "撤回")
            except (ForbiddenTransition, acts.NothingToWithdraw):
                # Too late for it, and the page says so.
                session.rollback()

    @precondition(lambda self: bool(self.subjects))
    @rule(choice=data())
    def close(self, choice: DataObject) -> None:
        """Somebody has the account closed."""
        one = self._some(choice)
        with self.world.app.app_context():
            account = web.session().get_one(Account, one.person.account_id)
            phone = account.login
        self.world.app.test_cli_runner().invoke(
            args=["registrations", "close-account", "--phone", phone or "13800000000", "--yes"]
        )

    @precondition(lambda self: bool(self.subjects))
    @rule(choice=data(), kind=sampled_from(["account", "registration", "document"]))
    def order(self, choice: DataObject, kind: str) -> None:
        """An authority orders it kept."""
        one = self._some(choice)
        subject = {
            "account": one.person.account_id,
            "registration": one.registration_id,
            "document": one.document_id,
        }[kind]
        one.holds.append(hold(self.world, kind, subject, people=self.people, days=3000))
        holds_journal.note(self.context)

    @precondition(lambda self: any(one.holds for one in self.subjects))
    @rule()
    def let_go(self) -> None:
        """Both agree that an order ends."""
        one = next(each for each in self.subjects if each.holds)
        release(self.world, one.holds.pop(), self.people)
        holds_journal.note(self.context)

    @rule()
    def sweep_now(self) -> None:
        """The hourly sweep."""
        if not self._over():
            for name in ("events", "documents", "id_numbers", "answers", "closed_accounts"):
                sweep.BROOMS[name](self.context)

    @precondition(lambda self: len(self.subjects) > 1)
    @rule(really=sampled_from([True, False, False]))
    def end_early(self, really: bool) -> None:
        """The operator ends the event before its day: its key goes, unless an order keeps it."""
        if really and not self._over():
            endings.end_event(self.context, self.event.id, actor=OPERATOR)

    @rule(days=sampled_from([1, 40, 400]))
    def wait(self, days: int) -> None:
        """Time passes."""
        type(self).move(timedelta(days=days))

    @precondition(lambda self: bool(self.subjects))
    @rule()
    def back_up(self) -> None:
        """Take the rows as they are."""
        self.backup = {}
        self.backed = {one.document_id for one in self.subjects}
        for table in TABLES:
            rows = self.world.rows(f"SELECT * FROM {table}")
            self.backup[table] = [dict(row._mapping) for row in rows]

    @precondition(lambda self: self.backup is not None)
    @rule()
    def restore(self) -> None:
        """Bring the rows back: the database forgets what happened since, the journal does not."""
        if self._over() or self.backup is None:
            return
        with self.world.owner.begin() as connection:
            known = {str(row["id"]) for row in self.backup["legal_holds"]}
            for hold_id in [one for each in self.subjects for one in each.holds]:
                if str(hold_id) not in known:
                    connection.execute(
                        text("DELETE FROM legal_holds WHERE id = :h"), {"h": hold_id}
                    )
            ours = {str(one.document_id) for one in self.subjects if one.document_id in self.backed}
            accounts = {str(one.person.account_id) for one in self.subjects}
            for table in ("events", "vault_keys", "registrations", "documents", "legal_holds"):
                key = "key_id" if table == "vault_keys" else "id"
                for row in self.backup[table]:
                    if table in ("registrations", "documents") and not self._backed(table, row):
                        continue
                    names = [one for one in row if one not in (key, "warnings", "clauses")]
                    names = [one for one in names if not isinstance(row[one], dict | list)]
                    setting = ", ".join(f"{one} = :{one}" for one in names)
                    connection.execute(
                        text(f"UPDATE {table} SET {setting} WHERE {key} = :{key}"),
                        {one: row[one] for one in (*names, key)},
                    )
            connection.execute(
                text("DELETE FROM tombstones WHERE subject_id = ANY(:ids)"),
                {"ids": [*ours, *accounts, *self._keys()]},
            )
        tombstones.replay(self.context)

    def _backed(self, table: str, row: dict[str, Any]) -> bool:
        column = "document_id" if table == "documents" else "registration_id"
        return row["id"] in {
            getattr(one, column) for one in self.subjects if one.document_id in self.backed
        }

    def _keys(self) -> list[str]:
        rows = self.world.rows("SELECT key_id FROM vault_keys WHERE event_id = :e", e=self.event.id)
        return [str(row[0]) for row in rows]

    # --- what must hold after every act ---

    def check_invariants(self, *_given: Any, **_more: Any) -> None:
        """Look at every subject: nothing destroyed opens, nothing held or not yet due is gone."""
        for one in self.subjects:
            with self.context.sessions() as session:
                row = session.get_one(Document, one.document_id)
                held = holds.held(session, "document", one.document_id)
            there = self._opens(one, row)
            if one.destroyed:
                assert not there, "what was destroyed is readable again"
                assert row.destroyed_at is not None, "what was destroyed is said to be there"
            elif row.destroyed_at is not None:
                assert not one.held, "what an order keeps was destroyed"
            one.destroyed = one.destroyed or row.destroyed_at is not None
            one.held = held
            if row.destroyed_at is not None:
                assert not there, "it says destroyed and opens"
            elif held or row.destroy_due_at > clocks.now():
                assert there, "what must be kept is gone"

    def _opens(self, one: Subject, row: Document) -> bool:
        try:
            if row.destroyed_at is not None:
                self.context.objects.get_sealed(row.object_key)
                return True
            return bool(opened(self.context, one.document_id))
        except (ObjectMissing, KeyError, ValueError):
            return False


@pytest.fixture
def machine(world: World, context: Context, clock: Any) -> type[Histories]:
    """The machine over this process's engines."""
    Histories.world, Histories.context, Histories.move = world, context, clock.move
    Histories.people = pair(world)
    Histories.began = time.monotonic()
    return Histories


def test_no_history_revives_what_was_destroyed_or_loses_what_is_kept(
    machine: type[Histories], clock: Any
) -> None:
    """H2, H3, H4, S-056, S-059, S-062, SECURITY 51: bounded in time."""
    assert clock
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=8,
            stateful_step_count=14,
            deadline=None,
            phases=(Phase.explicit, Phase.generate),
            suppress_health_check=list(HealthCheck),
            database=None,
            derandomize=False,
        ),
    )


def _orders_count_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let destruction look at no order."""
    blind = types.SimpleNamespace(
        held=lambda *_given: False, not_held=lambda *_given: true(), is_held=lambda *_given: false()
    )
    monkeypatch.setattr(destruction, "holds", blind)


def _restores_forget_documents(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a restore destroy again everything but documents."""
    whole = tombstones.journal
    monkeypatch.setattr(
        tombstones, "journal", lambda folder: (one for one in whole(folder) if one[0] != "document")
    )


def _destruction_is_only_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let objects stay that are marked as destroyed."""
    monkeypatch.setattr(ObjectStore, "destroy_sealed", lambda _store, _key: 1)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (_orders_count_for_nothing, "what an order keeps was destroyed"),
        (_restores_forget_documents, "what was destroyed is said to be there"),
        (_destruction_is_only_said, "it says destroyed and opens"),
    ],
)
def test_the_search_sees_a_planted_fault(
    machine: type[Histories],
    monkeypatch: pytest.MonkeyPatch,
    fault: Callable[[pytest.MonkeyPatch], None],
    said: str,
) -> None:
    """H2, H3, H4: one rule broken by hand, and a history of a few steps fails for that reason."""
    for broken in (False, True):
        history = machine()
        history.an_event_with_a_key()
        (one,) = history.subjects
        if fault is _orders_count_for_nothing:
            one.holds.append(
                hold(machine.world, "document", one.document_id, people=machine.people, days=3000)
            )
            history.check_invariants()
        if broken:
            fault(monkeypatch)
        with machine.world.session() as session:
            registration = load(session, one.person.account_id, one.registration_id)
            withdraw(session, OPERATOR, registration, Evidence("test", "test"), "撤回")

        def lived(history: Histories = history) -> None:
            history.sweep_now()
            history.check_invariants()
            history.restore()
            history.check_invariants()

        if not broken:
            lived()
            continue
        with pytest.raises(AssertionError, match=said):
            lived()
