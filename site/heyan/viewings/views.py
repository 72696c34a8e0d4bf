"""A person's viewings: the list, the page that opens one in the browser, its manifest and file."""

from __future__ import annotations

import base64
import uuid
from typing import TYPE_CHECKING, Any

import structlog
from flask import abort, jsonify, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.wrappers import Response

from heyan import web
from heyan.access import Permission, requires
from heyan.accounts.sessions import stands
from heyan.custody.objects import ObjectMissing
from heyan.documents import kinds
from heyan.events.models import DocumentKind
from heyan.releases import downloads
from heyan.releases.fingerprint import recipient_fingerprint
from heyan.releases.pages import desk_page
from heyan.viewings import key_views, keys, service, standing
from heyan.viewings.models import StaffKeyStatus, Viewing, ViewingState
from heyan.viewings.pages import VIEWING_CSP, own_id, staff_pages
from heyan.viewings.service import ViewingUnknown
from heyan.viewings.wording import (
    KEY_STATES,
    PROBLEMS,
    SUBJECTS,
    VIEWING_STATES,
    problem_words,
    viewing_words,
)

if TYPE_CHECKING:
    from heyan.approvals.service import Confirmed

__all__ = ["key_views", "staff_pages"]

OWN = Permission.VIEWINGS_OWN
Page = str | Response | tuple[Any, int]
log = structlog.get_logger()


@staff_pages.get("")
@requires(OWN)
def index() -> Page:
    """List what was opened for this person, and how far their key is."""
    before = request.args.get("before", type=uuid.UUID)
    rows = service.list_own(web.session(), own_id(), before)
    more, rows = len(rows) > service.PAGE, rows[: service.PAGE]
    found = keys.of_account(web.session(), own_id())
    return render_template(
        "viewings/index.html",
        viewings=rows,
        next_url=url_for("viewings.index", before=rows[-1].id) if more else None,
        keys=found,
        has_key=any(one.status is StaffKeyStatus.PINNED for one in found),
        waits=any(one.ended_at is None for one in found),
        key_states=KEY_STATES,
        states=VIEWING_STATES,
        subjects=SUBJECTS,
        problems=PROBLEMS,
        fingerprint=recipient_fingerprint,
        ViewingState=ViewingState,
    )


def _own(viewing_id: uuid.UUID) -> Viewing:
    try:
        return service.load(web.session(), own_id(), viewing_id)
    except ViewingUnknown:
        abort(404)


def _live(viewing_id: uuid.UUID) -> tuple[Viewing, Confirmed]:
    """Return a viewing that may be had now, with its approval; else 404 or 403 (C-51)."""
    row = _own(viewing_id)
    approval = standing.live(web.session(), row)
    if approval is None:
        abort(403, description=_("查看已经结束，或者还没有制作好。需要时请重新申请。"))
    return row, approval


@staff_pages.get("/<uuid:viewing_id>")
@requires(OWN, step_up=True)
def show(viewing_id: uuid.UUID) -> Response:
    """Open a viewing: key, passphrase and what it holds stay in the reader's browser."""
    row, approval = _live(viewing_id)
    facts = {
        "viewingId": str(row.id),
        "root": base64.b64encode(web.settings().root_public_key).decode(),
        "addresses": {
            name: url_for(f"viewings.{name}", viewing_id=row.id)
            for name in ("manifest", "file", "state")
        },
        "kinds": {kind.value: str(kinds.label(kind)) for kind in DocumentKind}
        | {kind: str(SUBJECTS[kind]) for kind in ("recording", "export")},
        "words": viewing_words(),
        "problems": problem_words(),
    }
    page = render_template(
        "viewings/show.html",
        viewing=row,
        approval=approval,
        facts=facts,
        subject=SUBJECTS[row.subject_kind],
        fingerprint=recipient_fingerprint(row.recipient or ""),
    )
    return desk_page(page, policy=VIEWING_CSP)


@staff_pages.get("/<uuid:viewing_id>/state")
@requires(OWN)
def state(viewing_id: uuid.UUID) -> Response:
    """Tell an open page whether it may go on showing what it holds."""
    return jsonify(live=standing.live(web.session(), _own(viewing_id)) is not None)


@staff_pages.get("/<uuid:viewing_id>/manifest")
@requires(OWN, step_up=True)
def manifest(viewing_id: uuid.UUID) -> Response:
    """Hand out the signed manifest, byte for byte."""
    row, _approval = _live(viewing_id)
    web.shows("viewings.shown", "viewing", viewing_id, request_id=row.request_id)
    return Response((row.manifest or "").encode(), content_type="application/json")


@staff_pages.get("/<uuid:viewing_id>/file")
@requires(OWN, step_up=True)
def file(viewing_id: uuid.UUID) -> Response:
    """Stream the age file or a range of it; recorded before its first byte leaves."""
    row, approval = _live(viewing_id)
    head = bool(request.environ.get("heyan.head"))
    account, actor, person = own_id(), web.actor(), web.login_session()
    if not head:
        try:
            service.begin_fetch(
                web.session(), actor, account, viewing_id,
                purpose=standing.purpose_of(web.session(), row), roles=approval.roles,
            )  # fmt: skip
        except ViewingUnknown:
            abort(404)
    sessions = web.heyan().sessions

    def left(first: int, end: int) -> None:
        try:
            with sessions() as session:
                service.sent(session, actor, viewing_id, first=first, end=end)
        except SQLAlchemyError as error:
            # That it was fetched is on record since before the first byte.
            log.warning("sent_not_recorded", viewing_id=str(viewing_id), kind=type(error).__name__)

    def may() -> bool:
        try:
            with sessions() as session:
                here = person is not None and stands(session, person, OWN)
                return here and standing.live_again(session, account, viewing_id)
        except SQLAlchemyError:
            return False

    stored = downloads.Stored(
        key=str(row.object_key),
        size=row.file_bytes or 0,
        sha256=row.file_sha256 or b"",
        name=f"viewing-{row.id}.zip.age",
    )
    # Streaming may take long: no database connection is held for it.
    web.session().close()
    try:
        return downloads.answer(
            stored,
            web.heyan().objects,
            head=head,
            ranged=request.headers.get("Range"),
            if_range=request.headers.get("If-Range"),
            left=left,
            may=may,
        )
    except ObjectMissing:
        log.warning("viewing_object_missing", viewing_id=str(viewing_id))
        abort(404, description=_("查看件已经销毁。需要时请重新申请。"))
