"""The organizer's batches: home, list, one batch, its files, the desk. Keys: `key_views`."""

from __future__ import annotations

import base64
import uuid
from typing import Any

import structlog
from flask import (
    abort,
    jsonify,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from heyan import web
from heyan.access import Permission, public, requires
from heyan.accounts.sessions import stands
from heyan.agreements import service as agreements
from heyan.custody.objects import ObjectMissing
from heyan.decisions import service as decisions
from heyan.decisions.reasons import REASONS
from heyan.organizations.models import Organization
from heyan.releases import downloads, key_views, recipients, service
from heyan.releases.bundle import desk_bundle_digest
from heyan.releases.fingerprint import key_fingerprint, recipient_fingerprint
from heyan.releases.forms import AcknowledgeForm, BuildForm
from heyan.releases.models import RecipientStatus, Release
from heyan.releases.pages import DESK_CSP, organization_id, organizer_pages, own_release
from heyan.releases.service import (
    FETCHABLE,
    DigestDiffers,
    ForbiddenTransition,
    ReleaseUnknown,
    StillInUse,
)
from heyan.releases.staff_views import staff_pages
from heyan.releases.wording import RELEASE_STATES, desk_words, problem_words

__all__ = ["key_views", "organizer_pages", "staff_pages"]

P = Permission
Page = str | Response | tuple[Any, int]
log = structlog.get_logger()
_NO_AGREEMENT = _l("与贵单位的协议没有生效、已暂停或已到期，现在不能交出材料。请联系我们续签。")


@organizer_pages.get("/organizer")
@requires(P.ORGANIZER_HOME)
def home() -> str:
    """Show what is due: set-up, batches to open, results to publish, documents that wait."""
    session, organization = web.session(), organization_id()
    open_ones = service.open_releases(session, organization)
    return render_template(
        "organizer/home.html",
        organization=session.get_one(Organization, organization),
        keys=recipients.of_organization(session, organization),
        pinned=recipients.pinned(session, organization),
        status=RecipientStatus,
        releases=[(row, decisions.progress(session, row)) for row in open_ones],
        waiting=service.waiting(session, organization),
        states=RELEASE_STATES,
        may_set_keys=_may(P.ORGANIZER_KEYS),
        bound=agreements.valid(session, organization),
    )


def _may(permission: Permission) -> bool:
    person = web.login_session()
    return person is not None and person.may(permission)


@organizer_pages.get("/organizer/releases")
@requires(P.ORGANIZER_RELEASES)
def index() -> str:
    """List the organization's batches, the newest first, and what waits for one."""
    before = request.args.get("before", type=uuid.UUID)
    rows = service.list_releases(web.session(), organization_id(), before)
    more = len(rows) > service.PAGE
    rows = rows[: service.PAGE]
    return render_template(
        "releases/index.html",
        releases=rows,
        next_url=url_for("releases.index", before=rows[-1].id) if more else None,
        first_page=before is None,
        waiting=service.waiting(web.session(), organization_id()),
        pinned=recipients.pinned(web.session(), organization_id()),
        bound=agreements.valid(web.session(), organization_id()),
        states=RELEASE_STATES,
    )


@organizer_pages.post("/organizer/releases/build")
@requires(P.ORGANIZER_RELEASES)
def build() -> Response:
    """Ask for a batch of an event now."""
    form = BuildForm()
    try:
        event_id = uuid.UUID(form.event_id.data or "")
        service.request_release(web.session(), web.actor(), organization_id(), event_id)
    except (ValueError, ReleaseUnknown):
        abort(404)
    web.flash("success", _("已开始打包，一般几分钟内出现在列表里。可以离开这一页。"))
    return redirect(url_for("releases.index"), 303)


@organizer_pages.get("/organizer/releases/<uuid:release_id>")
@requires(P.ORGANIZER_RELEASES)
def show(release_id: uuid.UUID) -> Page:
    """Show one batch: what it holds, how to open it, how far it is."""
    return _detail(own_release(release_id), AcknowledgeForm())


def _detail(release: Release, form: AcknowledgeForm) -> Page:
    page = render_template(
        "releases/show.html",
        release=release,
        state=RELEASE_STATES[release.state],
        fetchable=release.state in FETCHABLE,
        progress=decisions.progress(web.session(), release),
        fingerprint=recipient_fingerprint(release.recipient or ""),
        root_fingerprint=key_fingerprint(web.settings().root_public_key),
        file_name=downloads.file_name(release),
        manifest_name=downloads.manifest_name(release),
        may_confirm_destroyed=service.may_confirm_destroyed(release),
        form=form,
    )
    return make_response(page, 422 if form.errors else 200)


def _offered(release_id: uuid.UUID) -> Release:
    release = own_release(release_id)
    if release.state not in FETCHABLE:
        abort(404, description=_("这一批还没有做好，或者本站的文件已经销毁。"))
    if recipients.is_leaked(web.session(), release.id):
        abort(403, description=_("制作这一批的密钥可能已经泄露，停止下载；会为新密钥重新制作。"))
    if not agreements.valid(web.session(), release.organization_id):
        abort(403, description=_NO_AGREEMENT)
    return release


def _leaves(session: Session, organization: uuid.UUID, release_id: uuid.UUID) -> bool:
    """Tell whether the file may go on leaving, as the database knows it now (C-51)."""
    release = service.load(session, organization, release_id)
    return (
        release.state in FETCHABLE
        and session.get_one(Organization, organization).active
        and not recipients.is_leaked(session, release_id)
        and agreements.valid(session, organization)
    )


@organizer_pages.get("/organizer/releases/<uuid:release_id>/manifest")
@requires(P.ORGANIZER_RELEASES)
def manifest(release_id: uuid.UUID) -> Response:
    """Hand out the signed manifest, byte for byte."""
    release = _offered(release_id)
    web.shows("releases.shown", "release", release_id)
    return Response(
        (release.manifest or "").encode(),
        content_type="application/json",
        headers={
            "Content-Disposition": f'attachment; filename="{downloads.manifest_name(release)}"'
        },
    )


@organizer_pages.get("/organizer/releases/<uuid:release_id>/file")
@requires(P.ORGANIZER_RELEASES)
def file(release_id: uuid.UUID) -> Response:
    """Stream the age file or a range of it; it counts as fetched once its last byte has left."""
    release, person = _offered(release_id), web.login_session()
    if not web.session().get_one(Organization, organization_id()).active:
        abort(403, description=_("贵单位与本站的合作已暂停，暂时不能下载。请致电我们。"))
    sessions, actor, organization = web.heyan().sessions, web.actor(), organization_id()

    def left(first: int, end: int) -> None:
        try:
            with sessions() as session:
                service.sent(session, actor, organization, release_id, first=first, end=end)
        except (ReleaseUnknown, SQLAlchemyError) as error:
            # The bytes are gone already; the acknowledgement is what the ledger rests on.
            log.warning("fetch_not_recorded", release_id=str(release_id), kind=type(error).__name__)

    def may() -> bool:
        try:
            with sessions() as session:
                here = person is not None and stands(session, person, P.ORGANIZER_RELEASES)
                return here and _leaves(session, organization, release_id)
        except (ReleaseUnknown, SQLAlchemyError):
            return False

    # Streaming may take long: no database connection is held for it.
    web.session().close()
    try:
        return downloads.answer(
            downloads.stored(release),
            web.heyan().objects,
            head=bool(request.environ.get("heyan.head")),
            ranged=request.headers.get("Range"),
            if_range=request.headers.get("If-Range"),
            left=left,
            may=may,
        )
    except ObjectMissing:
        log.warning("release_object_missing", release_id=str(release_id))
        abort(404, description=_("本站已经没有这一批的文件。请致电我们。"))


@organizer_pages.post("/organizer/releases/<uuid:release_id>/acknowledge")
@requires(P.ORGANIZER_RELEASES)
def acknowledge(release_id: uuid.UUID) -> Page:
    """Take the digest of the manifest that was verified, from the desk or by hand."""
    release, form = own_release(release_id), AcknowledgeForm()
    asked_by_desk = request.accept_mimetypes.best == "application/json"
    if form.validate():
        try:
            service.acknowledge(
                web.session(),
                web.actor(),
                organization_id(),
                release_id,
                str(form.manifest_sha256.data),
            )
        except ReleaseUnknown:
            abort(404)
        except ForbiddenTransition:
            abort(409)
        except DigestDiffers:
            form.manifest_sha256.errors = [
                _("与本站记录的清单不符。请重新下载清单；仍不一致，请不要使用这一批，马上致电我们")
            ]
        else:
            if asked_by_desk:
                return jsonify(acknowledged=True)
            web.flash("success", _("已确认收到。接下来可以核验并公布结果。"))
            return redirect(url_for("releases.show", release_id=release_id), 303)
    if asked_by_desk:
        return jsonify(acknowledged=False), 409
    return _detail(release, form)


@organizer_pages.get("/organizer/releases/<uuid:release_id>/desk")
@requires(P.ORGANIZER_DECIDE)
def desk(release_id: uuid.UUID) -> Response:
    """Open the reading desk: key, passphrase and pictures stay in the reader's browser."""
    release = _offered(release_id)
    addresses = {
        "manifest": url_for("releases.manifest", release_id=release_id),
        "file": url_for("releases.file", release_id=release_id),
        "acknowledge": url_for("releases.acknowledge", release_id=release_id),
        "decisions": url_for("decisions.state", release_id=release_id),
        "publish": url_for("decisions.publish", release_id=release_id),
    }
    facts = {
        "releaseId": str(release_id),
        "root": base64.b64encode(web.settings().root_public_key).decode(),
        "addresses": addresses,
        "reasons": [
            {"code": code.value, "label": str(one.label), "text": str(one.sentence)}
            for code, one in REASONS.items()
        ],
        "words": desk_words(),
        "problems": problem_words(),
    }
    page = render_template(
        "releases/desk.html",
        release=release,
        facts=facts,
        reasons=REASONS,
        fingerprint=recipient_fingerprint(release.recipient or ""),
    )
    response = make_response(page)
    response.headers["Content-Security-Policy"] = DESK_CSP
    return response


@organizer_pages.post("/organizer/releases/<uuid:release_id>/destroyed")
@requires(P.ORGANIZER_RELEASES)
def destroyed(release_id: uuid.UUID) -> Response:
    """Take the organizer's word that it destroyed what it held (L5)."""
    own_release(release_id)
    if request.form.get("confirm") != "yes":
        web.flash("warning", _("请先勾选确认，再提交。"))
    else:
        try:
            service.confirm_destroyed(web.session(), web.actor(), organization_id(), release_id)
        except StillInUse:
            abort(409)
        web.flash("success", _("已记录：您已销毁这一批的全部副本。"))
    return redirect(url_for("releases.show", release_id=release_id), 303)


@organizer_pages.get("/organizer/desk-bundle.json")
@public
def bundle() -> Response:
    """Publish the digests of the desk's scripts, to be compared with the signed release notes."""
    return jsonify(desk_bundle_digest(web.heyan().statics.folder))
