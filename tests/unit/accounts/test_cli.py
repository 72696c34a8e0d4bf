"""The operators' commands: the first administrator, a lost password, a lost phone."""

from __future__ import annotations

import re
import secrets

from flask import Flask
from sqlalchemy.orm import Session

from heyan.access import Realm
from heyan.accounts.entry import find
from heyan.accounts.twofold import same_human
from tests.accounts import LONG, Browser, let_in


def code_in(output: str) -> str:
    """The one-time code that a command printed."""
    found = re.search(r"code:\s+(\S+)", output)
    assert found, output
    return found[1]


def test_the_first_administrator_is_made_by_a_command(site: Flask) -> None:
    """C-33: the code works once; the password is the person's own."""
    login = f"a{secrets.token_hex(6)}"
    run = site.test_cli_runner()
    given = ["accounts", "create-admin", login, "--name", "陈静", "--staff-number", f"E-{login}"]
    made = run.invoke(args=given)
    assert made.exit_code == 0, made.output
    assert (
        Browser(site)
        .post("/account/activate", code=code_in(made.output), password=LONG)
        .status_code
        == 200
    )
    again = run.invoke(args=given)
    assert again.exit_code != 0
    assert "taken" in again.output


def test_a_second_account_by_command_is_the_same_person(site: Flask, db_session: Session) -> None:
    """C-50: whoever makes accounts by command gives the staff number, as the page does."""
    number, run = f"E-{secrets.token_hex(6)}", site.test_cli_runner()
    made = []
    for name in ("陈静", "陈静静"):
        login = f"a{secrets.token_hex(6)}"
        whole = ["accounts", "create-admin", login, "--name", name]
        assert run.invoke(args=whole).exit_code != 0
        assert run.invoke(args=[*whole, "--staff-number", "  "]).exit_code != 0
        assert run.invoke(args=[*whole, "--staff-number", number]).exit_code == 0
        found = find(db_session, Realm.STAFF, login)
        assert found is not None
        made.append(found.id)
    assert same_human(db_session, *made)


def test_a_lost_phone_is_mended_by_a_command(site: Flask, db_session: Session) -> None:
    """C-34, C-43: the factor goes, sessions end, and a new one is set up at the next sign-in."""
    colleague = let_in(site, db_session)
    run = site.test_cli_runner()
    done = run.invoke(args=["accounts", "reset-factor", "staff", colleague.login, "--yes"])
    assert done.exit_code == 0, done.output
    assert colleague.browser.get("/staff").status_code == 302
    answer = Browser(site).sign_in(colleague.login, LONG, "/staff/login")
    assert "/account/authenticator" in answer.location


def test_a_lost_password_is_mended_by_a_command(site: Flask, db_session: Session) -> None:
    """C-35: the second factor stays."""
    colleague = let_in(site, db_session)
    run = site.test_cli_runner()
    given = run.invoke(args=["accounts", "reissue", "staff", colleague.login])
    browser = Browser(site)
    new = "violet harbour tangerine"
    browser.post("/account/activate", code=code_in(given.output), password=new)
    answer = browser.sign_in(colleague.login, new, "/staff/login")
    assert "/account/code" in answer.location


def test_someone_is_shut_out_by_a_command(site: Flask, db_session: Session) -> None:
    """C-43."""
    let_in(site, db_session)
    colleague = let_in(site, db_session)
    run = site.test_cli_runner()
    assert run.invoke(args=["accounts", "disable", "staff", colleague.login]).exit_code == 0
    assert colleague.browser.get("/staff").status_code == 302
    assert run.invoke(args=["accounts", "disable", "staff", "nobody-here"]).exit_code != 0
