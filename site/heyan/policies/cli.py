"""Operators' commands about policies: ``flask --app wsgi policies --help``."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from heyan import clock, web
from heyan.audit.service import OPERATOR, record
from heyan.db import transaction
from heyan.policies import service, texts
from heyan.policies.models import PolicyKind
from heyan.policies.service import TextChanged

policies_cli = AppGroup("policies", help="Publish the privacy policy and the user agreement.")


@policies_cli.command("publish")
@click.option("--changes", default="", help="What changed, in a sentence people can read.")
def publish(changes: str) -> None:
    """Freeze the present texts as version POLICY_VERSION, in force from POLICY_EFFECTIVE.

    This is for the first version. Running it again changes nothing. A changed text, operator's
    fact or data table needs a new POLICY_VERSION, which two people put forward and approve at
    /staff/policies: until then the published one stays in force.
    """
    settings = web.settings()
    if not texts.tables_speak_english():
        raise click.ClickException("the English catalogue is not compiled: run pybabel compile")
    with web.heyan().sessions() as session:
        for kind in PolicyKind:
            names = {row.version for row in service.versions(session, kind)}
            if names and settings.policy_version not in names:
                click.echo(f"{kind.value} {settings.policy_version} waits: /staff/policies")
                continue
            try:
                with transaction(session):
                    row, new = service.ensure_published(
                        session,
                        kind,
                        settings.policy_version,
                        texts.effective_at(settings),
                        texts.content(settings, kind),
                        changes=changes,
                    )
                    if new:
                        record(session, OPERATOR, "policies.published", "policy", row.id)
            except TextChanged as changed:
                raise click.ClickException(
                    f"{kind.value} {changed} was published with another text or date;"
                    " set a new POLICY_VERSION"
                ) from changed
            state = "published" if new else "was there"
            click.echo(f"{kind.value} {row.version} {state} {row.content_sha256.hex()}")


@policies_cli.command("list")
def list_versions() -> None:
    """List every version with its date and SHA-256; the one in force is starred."""
    with web.heyan().sessions() as session:
        for kind in PolicyKind:
            rows = service.versions(session, kind)
            in_force = next((row for row in rows if row.effective_at <= clock.now()), None)
            for row in rows:
                mark = "*" if row is in_force else " "
                day = f"{clock.local(row.effective_at):%Y-%m-%d}"
                digest = row.content_sha256.hex()
                click.echo(f"{mark} {kind.value:9} {row.version:12} {day} {digest}")
