"""An organizer's own people: invited, sent away, never another organizer's."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import select
from sqlalchemy.orm import Session

from heyan.accounts.models import Invitation
from tests.accounts import LONG, Browser
from tests.organizer import Member
from tests.releases import Batches, Organizer

INVITE = "/organizer/members/invite"


@pytest.fixture
def owner(organizer: Organizer, enter: Callable[..., Member]) -> Member:
    return enter(organizer)


def _invite(owner: Member, login: str, role: str = "organizer_member") -> str:
    shown = owner.post(INVITE, login=login, name="吴成员", role=role)
    assert shown.status_code == 200
    assert shown.headers["Cache-Control"] == "no-store"
    found = re.search(r"<strong>([0-9A-Z-]{16,24})</strong>", shown.text)
    assert found
    return found[1]


def _path(owner: Member, login: str) -> str:
    for path in re.findall(
        r"/organizer/members/[0-9a-f-]{36}", owner.get("/organizer/members").text
    ):
        if login in owner.get(path).text:
            return path
    raise AssertionError(login)


def test_an_invited_member_activates_with_the_code_that_is_shown_once(
    owner: Member, app: Flask
) -> None:
    """C-33, C-43."""
    login = f"m{owner.login}"
    code = _invite(owner, login)
    assert code not in owner.get("/organizer/members").text
    browser = Browser(app)
    assert browser.post("/account/activate", code=code, password=LONG).status_code == 200
    assert browser.sign_in(login, LONG, "/organizer/login").status_code == 303
    assert browser.get("/organizer").status_code in (302, 303, 403)  # no second factor yet
    assert (
        owner.post(INVITE, login=login, name="又一个", role="organizer_member").status_code == 422
    )


def test_a_members_code_is_good_for_48_hours(owner: Member, db_session: Session) -> None:
    """CONTROLS 5: an organizer's member has two days, however the code was given."""
    login = f"m{owner.login}"
    _invite(owner, login)
    path = _path(owner, login)
    assert owner.post(f"{path}/reissue", page=path).status_code == 200
    query = select(Invitation.expires_at - Invitation.created_at).where(
        Invitation.account_id == uuid.UUID(path.rsplit("/", 1)[1])
    )
    assert set(db_session.scalars(query)) == {timedelta(hours=48)}


def test_a_member_is_shut_out_and_let_in_again_but_never_the_last_owner(owner: Member) -> None:
    """C-43, C-33."""
    login = f"m{owner.login}"
    _invite(owner, login)
    path = _path(owner, login)
    assert owner.post(f"{path}/end-sessions", page=path).status_code == 303
    assert re.search(
        r"<strong>[0-9A-Z-]{16,24}</strong>", owner.post(f"{path}/reissue", page=path).text
    )
    assert owner.post(f"{path}/disable", page=path).status_code == 303
    assert "已停用" in owner.get("/organizer/members").text
    assert owner.post(f"{path}/enable", page=path).status_code == 303
    mine = f"/organizer/members/{owner.account_id}"
    owner.post(f"{mine}/disable", page=INVITE)
    assert owner.get("/organizer").status_code == 200


def test_a_role_of_another_realm_is_not_given(owner: Member) -> None:
    """SECURITY 29."""
    for role in ("administrator", "student", ""):
        sent = owner.post(INVITE, login=f"x{owner.login}", name="张三", role=role)
        assert sent.status_code == 422


def test_another_organizers_member_is_not_found(
    owner: Member, enter: Callable[..., Member], batches: Batches
) -> None:
    """SECURITY 28, C-49."""
    stranger = enter(batches.organizer())
    path = f"/organizer/members/{owner.account_id}"
    assert stranger.get(path).status_code == 404
    for act in ("disable", "enable", "reissue", "end-sessions"):
        assert stranger.post(f"{path}/{act}", page=INVITE).status_code == 404
    assert owner.login not in stranger.get("/organizer/members").text
    assert owner.get("/organizer").status_code == 200


def test_changes_to_members_need_a_second_factor_a_moment_ago(
    organizer: Organizer, enter: Callable[..., Member]
) -> None:
    """C-45."""
    cold = enter(organizer, step_up=False)
    assert cold.get(INVITE).status_code == 302
    assert cold.client.post(INVITE).status_code == 403
