"""The operator's command that closes an account: ``flask --app wsgi registrations --help``."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from heyan import web
from heyan.access import Realm
from heyan.accounts import service
from heyan.audit.service import OPERATOR
from heyan.consent.service import Evidence
from heyan.forms import normalise_phone
from heyan.registrations.closing import close_account

registrations_cli = AppGroup("registrations", help="What is done for people who call or write.")


@registrations_cli.command("close-account")
@click.option("--phone", prompt="Phone number of the account", help="Asked for when not given.")
@click.confirmation_option(
    prompt="Its owner asked for it, and was called back on this very number?"
)
def close(phone: str) -> None:
    """Close an account because its owner asked for it.

    Its registrations are withdrawn, their documents destroyed, and organizers who hold copies
    told. Nobody can sign in from this moment; the worker's next sweep (within the hour) empties
    the account for good. What proves consent stays for its own period.
    """
    with web.heyan().sessions() as session:
        try:
            account = service.find(session, Realm.PUBLIC, normalise_phone(phone))
        except ValueError as error:
            raise click.ClickException("this is no phone number") from error
        if account is None:
            raise click.ClickException("there is no such account")
        evidence = Evidence("operator", "flask registrations close-account")
        gone = close_account(session, OPERATOR, account.id, evidence, "账号持有人要求注销账号。")
    click.echo(f"closed; registrations withdrawn: {gone}")
