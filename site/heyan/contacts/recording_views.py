"""Attaching a recording: whatever can be refused unread is refused before the body is read."""

from __future__ import annotations

import re
import threading
import uuid
from typing import Any

from flask import Blueprint, abort, g, jsonify, redirect, request, url_for
from flask_babel import gettext as _
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.wrappers import Response

from heyan import bodies, csrf, web
from heyan.access import Permission, requires
from heyan.contacts import entry_page, recordings, wording
from heyan.contacts.service import ContactUnknown
from heyan.custody.sealing import UntrustedVaultKey, VaultPublicKey
from heyan.scanning import Infected, ScannerAway
from heyan.streaming import StreamedForm

Page = str | Response | tuple[Any, int]
SLACK = 64 * 1024
TOKEN = re.compile(r"[A-Za-z0-9_-]{16,64}")
_places: dict[int, bodies.Seats] = {}
_places_lock = threading.Lock()


class Refused(Exception):
    """Why no recording is taken, in words, with the status to answer."""

    def __init__(self, words: str, status: int) -> None:
        super().__init__(words)
        self.words, self.status = words, status


def add_routes(pages: Blueprint) -> None:
    """Give the log's pages this one."""
    pages.add_url_rule("/<uuid:contact_id>/recordings", "attach", attach, methods=["POST"])
    pages.after_request(_answer_before_the_rest_arrives)


def _answer_before_the_rest_arrives(response: Response) -> Response:
    unread = request.method == "POST" and not g.get("body_read")
    if unread and request.endpoint == "staff_contacts.attach":
        return bodies.drain_after(response)
    return response


def _seats() -> bodies.Seats:
    """Recordings are long: they have places of their own, so that pictures never wait for them."""
    count = web.settings().recordings_at_once
    with _places_lock:
        return _places.setdefault(count, bodies.Seats(count, waiting=count, seconds=5.0))


@requires(Permission.CONTACTS_WORK)
@csrf.late_csrf
def attach(contact_id: uuid.UUID) -> Page:
    """Take a recording as it streams in."""
    try:
        key = _before_the_body(contact_id)
        with _seats().one():
            _take(contact_id, key)
    except ContactUnknown:
        abort(404)
    except Refused as refused:
        if request.accept_mimetypes.best == "application/json":
            return jsonify(errors={"file": [refused.words]}, warnings=[]), refused.status
        return entry_page.page(contact_id, trouble=refused.words, status=refused.status)
    target = url_for("staff_contacts.show", contact_id=contact_id)
    web.flash("success", _("录音已封存。"))
    if request.accept_mimetypes.best == "application/json":
        return jsonify(redirect=target)
    return redirect(target, 303)


def _before_the_body(contact_id: uuid.UUID) -> VaultPublicKey:
    session, settings = web.session(), web.settings()
    try:
        key = recordings.check_before_body(session, settings, contact_id)
    except (recordings.NotAgreed, recordings.NoCall, recordings.TooMany) as why:
        raise _closed(why) from why
    except UntrustedVaultKey as untrusted:
        recordings.order_key(session)
        words = _("本月封存录音的钥匙还没有准备好，已经通知制作，请一分钟后再试。")
        raise Refused(words, 503) from untrusted
    finally:
        session.commit()
    declared = request.content_length
    if declared is not None and declared > settings.max_recording_bytes + SLACK:
        raise Refused(wording.too_long(settings.max_recording_bytes), 413)
    return key


def _closed(why: Exception) -> Refused:
    if isinstance(why, recordings.NotAgreed):
        return Refused(wording.not_agreed(why.consent), 409)
    if isinstance(why, recordings.NoCall):
        return Refused(_("只有电话才能附加录音。"), 409)
    return Refused(_("这次通话的录音已经够多了，不能再附加。"), 409)


def _take(contact_id: uuid.UUID, key: VaultPublicKey) -> None:
    settings = web.settings()
    limit = settings.max_recording_bytes
    try:
        form = StreamedForm(
            max_bytes=limit + SLACK,
            max_field_bytes=SLACK,
            max_parts=settings.max_upload_parts,
        )
        fields = form.fields("file")
        csrf.check_token(request.headers.get("X-CSRF-Token") or fields.get("csrf_token"))
        token = fields.get("upload_token", "")
        if not TOKEN.fullmatch(token):
            abort(400)
        recordings.attach(
            web.session(),
            settings,
            web.actor(),
            web.heyan().objects,
            key,
            contact_id,
            token,
            form.file(),
        )
        g.body_read = True
    except recordings.NotSound as error:
        raise Refused(wording.not_sound(), 422) from error
    except (recordings.TooLong, RequestEntityTooLarge) as error:
        raise Refused(wording.too_long(limit), 413) from error
    except Infected as error:
        words = _("扫描程序认为这个文件有问题，没有保存。请联系管理员。")
        raise Refused(words, 422) from error
    except ScannerAway as error:
        words = _("扫描程序没有回应，为了安全没有保存。请稍后再试。")
        raise Refused(words, 503) from error
    except (recordings.NotAgreed, recordings.NoCall, recordings.TooMany) as why:
        raise _closed(why) from why
