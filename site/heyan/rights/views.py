"""The page of one's own data with its five actions, and the questions anyone may put."""

from __future__ import annotations

import uuid
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from heyan import clock, limits, web
from heyan.access import Permission, public, requires
from heyan.consent.purposes import ACCOUNT, PURPOSES
from heyan.custody.objects import ObjectStoreError
from heyan.public_table import public_rows
from heyan.registrations.service import RegistrationUnknown
from heyan.rights import (
    acts,
    consents_held,
    copies,
    effects,
    holdings,
    number_views,
    parties,
    receipt_views,
    wording,
)
from heyan.rights import requests as desk
from heyan.rights.forms import AskForm, CorrectForm, DeleteForm, StatusForm
from heyan.rights.models import CopyState, RightsKind
from heyan.rights.organizer_views import organizer_pages
from heyan.rights.requests import Asked, RequestUnknown
from heyan.rights.staff_views import staff_pages
from heyan.rights.value_words import readable
from heyan.students import service as students

__all__ = ["organizer_pages", "public_pages", "staff_pages"]

public_pages = Blueprint("rights", __name__)
receipt_views.add_to(public_pages)
number_views.add_to(public_pages)
Page = str | Response | tuple[str, int]
P = Permission
COPIES_A_DAY = "5/day"


def _words() -> dict[str, Any]:
    return {
        "kinds": wording.KINDS,
        "states": wording.OWN_STATES,
        "news_words": wording.NEWS,
        "title_of": wording.title,
    }


@public_pages.get("/me/data")
@requires(P.OWN_ENROLMENT)
def index() -> Page:
    """Show everything held, by category, with what one can do about it (S-044, G1)."""
    session, mine = web.session(), web.account_id()
    found: dict[str, list[Any]] = {}
    for part in holdings.PARTS:
        rows = holdings.rows_of(session, mine, part)
        keys = [key for key, _label in part.columns]
        shown = [
            [
                readable(key, holdings.masked(part, key, value))
                for key, value in zip(keys, row, strict=True)
            ]
            for row in rows[: holdings.ON_PAGE]
        ]
        found.setdefault(part.category, []).append((part, len(rows), shown))
    categories = [(row, found[row.key]) for row in public_rows() if row.key in found]
    return render_template(
        "rights/index.html",
        categories=sorted(categories, key=lambda one: not any(count for _p, count, _r in one[1])),
        requests=desk.own_all(session, mine),
        news=parties.news_for(session, mine),
        copy=copies.current(session, mine),
        **_words(),
    )


@public_pages.get("/me/data/requests/<uuid:request_id>")
@requires(P.OWN_ENROLMENT)
def show(request_id: uuid.UUID) -> Page:
    """Show one request of one's own with the answer."""
    try:
        found = desk.own(web.session(), web.account_id(), request_id)
    except RequestUnknown:
        abort(404)
    return render_template("rights/show.html", request_row=found, **_result(found))


def _result(found: Any) -> dict[str, Any]:
    """What a page about one request needs."""
    whole = found.kind is RightsKind.CLOSE
    return {
        **_words(),
        "remedy": wording.remedy(),
        "refusals": wording.REFUSALS,
        "kept": effects.kept(found.closed_at) if whole or found.kind is RightsKind.DELETE else [],
        "gone": effects.gone() if whole else [],
        "gone_by": (found.closed_at or clock.now()) + effects.WITHIN,
        "backups_by": (found.closed_at or clock.now()) + effects.BACKUPS,
    }


# --- a copy (G1, G8) -------------------------------------------------------------------------


@public_pages.route("/me/data/copy", methods=["GET", "POST"])
@requires(P.OWN_ENROLMENT, step_up=True)
def copy() -> Page:
    """Order a copy of everything, or see whether it is ready."""
    session, mine = web.session(), web.account_id()
    if request.method == "POST":
        limits.spend("access_copy", str(mine), COPIES_A_DAY)
        copies.order(session, web.settings(), web.actor(), mine)
        web.flash("success", _("副本正在制作，做好后会在站内通知您，一般只要几分钟。"))
        return redirect(url_for("rights.copy"), 303)
    found = copies.current(session, mine)
    return render_template(
        "rights/copy.html",
        copy=found,
        late=found is not None and copies.late(found),
        CopyState=CopyState,
    )


@public_pages.get("/me/data/copy/<uuid:copy_id>/file")
@requires(P.OWN_ENROLMENT, step_up=True)
def copy_file(copy_id: uuid.UUID) -> Response:
    """Hand the copy to the one it belongs to; nobody else finds it."""
    try:
        data = copies.fetch(
            web.session(),
            web.settings(),
            web.heyan().objects,
            web.actor(),
            web.account_id(),
            copy_id,
        )
    except copies.CopyUnknown:
        abort(404)
    except copies.NotReady:
        abort(409, description=_("副本还在制作，请过几分钟再来。"))
    except ObjectStoreError:
        abort(503, description=_("存储暂时连不上，副本没有丢失，请过几分钟再来。"))
    name = f"my-data-{clock.local(clock.now()):%Y%m%d}.zip"
    return Response(
        data,
        content_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )


# --- correcting (G2) -------------------------------------------------------------------------


@public_pages.route("/me/data/correct", methods=["GET", "POST"])
@requires(P.OWN_ENROLMENT)
def correct() -> Page:
    """Correct what is one's own to change, or ask for it."""
    session, mine = web.session(), web.account_id()
    form = CorrectForm()
    own = students.list_students(session, mine)
    form.subject.choices = [
        (acts.NAME, _("账号的称呼（立即生效）")),
    ]
    for one in own:
        free = acts.may_change_at_once(session, one)
        when = _("立即生效") if free else _("已经提交过报名，由工作人员核对后更改")
        form.subject.choices += [
            (
                f"{acts.STUDENT_NAME}:{one.id}",
                _("%(name)s 的姓名（%(when)s）", name=one.name, when=when),
            ),
            (
                f"{acts.STUDENT_BIRTH}:{one.id}",
                _("%(name)s 的出生日期（%(when)s）", name=one.name, when=when),
            ),
        ]
    if request.method == "GET":
        return render_template("rights/correct.html", form=form)
    if not form.validate():
        return render_template("rights/correct.html", form=form), 422
    subject, _colon, student = (form.subject.data or "").partition(":")
    asked = Asked(
        kind=RightsKind.CORRECT,
        account_id=mine,
        student_id=uuid.UUID(student) if student else None,
        subject=subject,
        wanted=form.value,
        words=form.words.data or "",
        signed_in=True,
    )
    done = acts.correct(session, web.actor(), asked)
    if done.closed_at:
        web.flash("success", _("已更正。"))
    else:
        web.flash("success", _("已收到，最迟 5 个工作日内答复您。"))
    return redirect(url_for("rights.show", request_id=done.id), 303)


# --- withdrawing (G3) ------------------------------------------------------------------------


@public_pages.get("/me/data/consents")
@requires(P.OWN_ENROLMENT)
def consents() -> Page:
    """List the consents that stand, each with its way back."""
    return render_template(
        "rights/consents.html",
        rows=consents_held.standing(web.session(), web.account_id()),
        purposes=wording.PURPOSES,
        ACCOUNT=ACCOUNT,
    )


@public_pages.route("/me/data/consents/<uuid:consent_id>/withdraw", methods=["GET", "POST"])
@requires(P.OWN_ENROLMENT)
def withdraw(consent_id: uuid.UUID) -> Page:
    """Say what withdrawing does, then do it."""
    session, mine = web.session(), web.account_id()
    held = next(
        (one for one in consents_held.standing(session, mine) if one.id == consent_id), None
    )
    if held is None:
        abort(404)
    if held.purpose == ACCOUNT:
        return redirect(url_for("rights.close"), 303)
    if request.method == "GET":
        return render_template(
            "rights/withdraw.html",
            held=held,
            words=wording.PURPOSES.get(held.purpose) or PURPOSES[held.purpose].text,
            needed_for=PURPOSES[held.purpose].needed_for,
        )
    text = _("我撤回这项同意，请停止处理并销毁因此不再需要的信息。")
    try:
        done = acts.withdraw_consent(
            session, web.actor(), mine, held.purpose, held.registration_id, web.evidence(), text
        )
    except (acts.NothingToWithdraw, RegistrationUnknown):
        abort(404)
    web.flash("success", _("已撤回。"))
    return redirect(url_for("rights.show", request_id=done.id), 303)


# --- deleting and closing (G4, G5) -----------------------------------------------------------


@public_pages.route("/me/data/delete", methods=["GET", "POST"])
@requires(P.OWN_ENROLMENT, step_up=True)
def delete() -> Page:
    """Delete a student's data; effects are said first."""
    session, mine = web.session(), web.account_id()
    form = DeleteForm()
    form.student.choices = [
        (str(one.id), one.name) for one in students.list_students(session, mine)
    ]
    page = {
        "form": form,
        "ending": effects.ending(session, mine),
        "holders": parties.holders(session, mine),
        "kept": effects.kept(),
    }
    if request.method == "GET":
        return render_template("rights/delete.html", **page)
    if not form.validate():
        return render_template("rights/delete.html", **page), 422
    asked = Asked(
        kind=RightsKind.DELETE,
        account_id=mine,
        student_id=uuid.UUID(form.student.data),
        ground=form.why,
        signed_in=True,
    )
    text = _("我要求删除这名学员的信息，并撤回为其作出的同意。")
    try:
        done = acts.delete_student(session, web.actor(), asked, web.evidence(), text)
    except students.StudentUnknown:
        abort(404)
    except acts.Held:
        abort(
            409, description=_("依法须配合有权机关保存这些信息，暂时不能删除；解除后您可以再来。")
        )
    web.flash("success", _("已删除；封存的材料正在销毁，销毁后给您凭证。"))
    return redirect(url_for("rights.show", request_id=done.id), 303)


@public_pages.route("/me/data/close", methods=["GET", "POST"])
@requires(P.OWN_ENROLMENT, step_up=True)
def close() -> Page:
    """Close the account: what ends is named first, nothing new is asked for (S-053, S-058)."""
    session, mine = web.session(), web.account_id()
    held = parties.holders(session, mine)
    if request.method == "GET":
        return render_template(
            "rights/close.html",
            ending=effects.ending(session, mine),
            holders=held,
            gone=effects.gone(),
            kept=effects.kept(),
        )
    text = _("我要求注销账号并撤回全部同意。")
    asked = Asked(kind=RightsKind.CLOSE, account_id=mine, signed_in=True)
    done = acts.close(session, web.actor(), asked, web.evidence(), text)
    # The page says that its reader is signed out: its head must not offer what needs an account.
    web.know_nobody()
    return render_template("rights/closed.html", request_row=done, holders=held, **_result(done))


# --- complaints and explanations: anyone (S-009, L-20, L-32) ---------------------------------


@public_pages.route("/ask", methods=["GET", "POST"])
@public
def ask() -> Page:
    """Take a complaint, or a rule to be explained, and give a number for it."""
    form = AskForm()
    if request.method == "GET":
        return render_template("rights/ask.html", form=form, status=StatusForm(formdata=None))
    if not form.validate():
        return render_template("rights/ask.html", form=form, status=StatusForm(formdata=None)), 422
    limits.spend("rights_ask", limits.source(), "5/hour", "20/day")
    here = web.login_session()
    asked = Asked(
        kind=RightsKind(form.kind.data),
        account_id=here.account_id if here and here.may(P.OWN_ENROLMENT) else None,
        words=form.words.data or "",
        reply_to=form.reply_to.data or None,
    )
    found = desk.receive(web.session(), web.actor(), asked)
    return render_template("rights/asked.html", request_row=found)


@public_pages.post("/ask/status")
@public
def status() -> Page:
    """Show what came of a question, by its number."""
    form = StatusForm()
    limits.spend("rights_status", limits.source(), "10/minute", "60/day")
    found = desk.by_number(web.session(), form.number.data or "") if form.validate() else None
    if found is None:
        form.number.errors = [_("没有这个编号，请检查后再试")]
        return render_template("rights/ask.html", form=AskForm(formdata=None), status=form), 422
    return render_template("rights/status.html", request_row=found, **_result(found))
