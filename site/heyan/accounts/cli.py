"""Operators' commands about accounts: ``flask --app wsgi accounts --help``."""

from __future__ import annotations

import click
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from heyan import clock, web
from heyan.access import Realm, Role
from heyan.accounts import service, sessions
from heyan.accounts.errors import LoginTaken, NotThisOne
from heyan.accounts.held import drop_factor
from heyan.accounts.models import Account
from heyan.audit.service import OPERATOR, record
from heyan.db import transaction
from heyan.forms import normalise_phone

accounts_cli = AppGroup("accounts", help="Let people in, and help those who are locked out.")
REALM = click.Choice([realm.value for realm in Realm])


def _session() -> Session:
    return web.heyan().sessions()


def _find(session: Session, realm: str, login: str) -> Account:
    kind = Realm(realm)
    try:
        wanted = normalise_phone(login) if kind is Realm.PUBLIC else login
    except ValueError as error:
        raise click.ClickException("this is no phone number") from error
    found = service.find(session, kind, wanted)
    if found is None:
        raise click.ClickException("there is no such account")
    return found


def _say(issued: service.InvitationCode) -> None:
    address = f"{web.settings().base_url}/account/activate"
    click.echo(f"code:    {issued.code}")
    click.echo(f"valid:   until {clock.local(issued.expires_at):%Y-%m-%d %H:%M} (Asia/Shanghai)")
    click.echo(f"address: {address}")
    click.echo("The code works once. Hand it over in person or by a call to a known number.")


@accounts_cli.command("create-admin")
@click.argument("login")
@click.option("--name", required=True, help="The person's name, shown to colleagues.")
@click.option(
    "--staff-number",
    required=True,
    help="The person's own number at work: two accounts with one number are one person's.",
)
def create_admin(login: str, name: str, staff_number: str) -> None:
    """Make the administrator LOGIN and print the code with which they set their password.

    The first thing to run on a new site. The administrator then invites everyone else under
    /staff/people.
    """
    if not staff_number.strip():
        raise click.BadParameter("is empty", param_hint="--staff-number")
    with _session() as session:
        try:
            issued = service.invite(
                session,
                OPERATOR,
                realm=Realm.STAFF,
                login=login,
                name=name,
                roles=[Role.ADMINISTRATOR],
                staff_number=staff_number,
            )
        except LoginTaken as taken:
            raise click.ClickException("this login name is taken") from taken
    _say(issued)


@accounts_cli.command("reissue")
@click.argument("realm", type=REALM)
@click.argument("login")
def reissue(realm: str, login: str) -> None:
    """Print a code with which LOGIN sets a new password; the second factor stays.

    REALM is public (LOGIN is a phone number), organizer or staff. Check first, by calling the
    number on file, that you speak to the right person.
    """
    with _session() as session:
        account = _find(session, realm, login)
        issued = service.reissue(
            session,
            OPERATOR,
            realm=account.realm,
            account_id=account.id,
            organization_id=account.organization_id,
        )
    _say(issued)


@accounts_cli.command("reset-factor")
@click.argument("realm", type=REALM)
@click.argument("login")
@click.confirmation_option(prompt="Was this person's identity checked by two colleagues?")
def reset_factor(realm: str, login: str) -> None:
    """Take the authenticator off LOGIN after phone and recovery codes were lost.

    All sessions end and the owner is told. At the next sign-in a new authenticator is set up,
    wherever the account needs one.
    """
    with _session() as session, transaction(session):
        account = _find(session, realm, login)
        drop_factor(session, account)
        sessions.end_all(session, account.id)
        record(session, OPERATOR, "accounts.totp_reset", "account", account.id)
    click.echo("done")


@accounts_cli.command("disable")
@click.argument("realm", type=REALM)
@click.argument("login")
def disable(realm: str, login: str) -> None:
    """Shut LOGIN out at once and end their sessions."""
    with _session() as session:
        account = _find(session, realm, login)
        try:
            service.disable(
                session,
                OPERATOR,
                realm=account.realm,
                account_id=account.id,
                organization_id=account.organization_id,
            )
        except NotThisOne as refused:
            raise click.ClickException(
                "the last administrator or owner cannot be shut out"
            ) from refused
    click.echo("done")
