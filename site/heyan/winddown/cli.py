"""What an operator does at the end: seal what the law keeps, before the accounts are emptied."""

from __future__ import annotations

import click
from flask.cli import AppGroup, with_appcontext

from heyan import web
from heyan.audit.service import OPERATOR
from heyan.winddown import ending, service

winddown_cli = AppGroup("winddown", help="The end of the service.")


@winddown_cli.command("archive")
@with_appcontext
def archive() -> None:
    """Seal what the law keeps of every account; the worker empties them only after this."""
    with web.heyan().sessions() as session:
        try:
            sealed = ending.seal_all(session, OPERATOR)
        except service.NoEnding:
            raise click.ClickException("the service has not ended") from None
    click.echo(f"sealed for the legal archive: {sealed} accounts")
