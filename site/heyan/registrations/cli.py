"""The operator's command that closes an account: ``flask --app wsgi registrations --help``."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from heyan import web
from heyan.access import Realm
from heyan.accounts import service
from heyan.accounts.models import AccountStatus
from heyan.audit.service import OPERATOR
from heyan.consent.service import Evidence
from heyan.db import transaction
from heyan.forms import normalise_phone
from heyan.rights import effects
from heyan.rights.acts import close
from heyan.rights.models import RightsChannel, RightsCheck, RightsKind
from heyan.rights.requests import Asked, check_identity, receive

registrations_cli = AppGroup("registrations", help="What is done for people who call or write.")


@registrations_cli.command("close-account")
@click.option("--phone", prompt="Phone number of the account", help="Asked for when not given.")
@click.confirmation_option(
    prompt="Its owner asked for it, and was called back on this very number?"
)
def close_account(phone: str) -> None:
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
        if account is None or account.status is AccountStatus.CLOSED:
            raise click.ClickException("there is no such account")
        evidence = Evidence("operator", "flask registrations close-account")
        asked = Asked(kind=RightsKind.CLOSE, channel=RightsChannel.PHONE, account_id=account.id)
        gone = len(effects.ending(session, account.id))
        # The same record as from the page or the desk, with how the person was made sure of.
        with transaction(session):
            request = receive(session, OPERATOR, asked)
            check_identity(session, OPERATOR, request.id, RightsCheck.CALLED_BACK, "operator")
            close(session, OPERATOR, asked, evidence, "账号持有人要求注销账号。", request=request)
    click.echo(f"closed; registrations withdrawn: {gone}")
