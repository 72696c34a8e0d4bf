"""The ledger of one's own consents, and their signed receipts to keep."""

from __future__ import annotations

import json
import uuid

from flask import Blueprint, Response, abort, render_template

from heyan import paging, web
from heyan.access import Permission, requires
from heyan.consent import receipts
from heyan.rights import wording


def add_to(blueprint: Blueprint) -> None:
    """Put the pages on *blueprint*."""
    blueprint.add_url_rule("/me/data/consents/ledger", "ledger", ledger)
    blueprint.add_url_rule("/me/data/consents/receipts", "consent_receipts", everything)
    blueprint.add_url_rule(
        "/me/data/consents/<uuid:consent_id>/receipt", "consent_receipt", one_receipt
    )


@requires(Permission.OWN_ENROLMENT)
def ledger() -> str:
    """List every consent and every withdrawal, the latest first, with its version (S-108)."""
    rows = receipts.lines(
        web.session(), web.account_id(), after=paging.after_id(), limit=receipts.PAGE + 1
    )
    shown, next_url = paging.page_of(rows, receipts.PAGE, lambda row: row.id)
    return render_template(
        "rights/ledger.html", rows=shown, next_url=next_url, purposes=wording.PURPOSES
    )


@requires(Permission.OWN_ENROLMENT)
def everything() -> Response:
    """Hand out all of one's receipts in one file."""
    return _file(receipts.lines(web.session(), web.account_id()), "consents.json")


@requires(Permission.OWN_ENROLMENT)
def one_receipt(consent_id: uuid.UUID) -> Response:
    """Hand out the receipt of one line."""
    try:
        found = receipts.line(web.session(), web.account_id(), consent_id)
    except receipts.LineUnknown:
        abort(404)
    return _file([found], f"consent-{consent_id.hex[-8:]}.json")


def _file(found: list[receipts.Line], name: str) -> Response:
    response = Response(
        json.dumps(receipts.download(found), ensure_ascii=False, indent=1),
        mimetype="application/json",
    )
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
