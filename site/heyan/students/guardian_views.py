"""Pages of a second guardian: offer a code, use one, read how things stand, end, dispute."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from flask import abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from heyan import limits, web
from heyan.access import Permission, requires
from heyan.students import guardians, service
from heyan.students.forms import JoinForm
from heyan.students.pages import Page, public_pages

# CONTROLS S-047: the sixth try is throttled.
TRIES, TRIES_OF_SOURCE = "5/hour", "20/hour"


@public_pages.get("/students/<uuid:student_id>/guardians", endpoint="guardians")
@requires(Permission.OWN_ENROLMENT)
def guardians_page(student_id: uuid.UUID) -> Page:
    """Show who else sees how one's own student's registrations stand."""
    return _guardians(student_id)


def _guardians(student_id: uuid.UUID, *, code: str = "", full: bool = False) -> tuple[str, int]:
    session = web.session()
    try:
        student = service.load(session, web.account_id(), student_id)
        others = guardians.others(session, web.account_id(), student_id)
    except service.StudentUnknown:
        abort(404)
    here = web.login_session()
    page = render_template(
        "students/guardians.html",
        proven=here is not None and here.stepped_up(web.settings()),
        student=student,
        others=others,
        code=code,
        full=full,
        most=guardians.MOST,
        hours=int(guardians.CODE_LIFE.total_seconds() // 3600),
    )
    return page, 409 if full else 200


@public_pages.route("/students/<uuid:student_id>/guardians/new", methods=["GET", "POST"])
@requires(Permission.OWN_ENROLMENT, step_up=True)
def offer_guardian(student_id: uuid.UUID) -> Page:
    """Make a code for another guardian and show it this once."""
    if request.method == "GET":
        # Where the step-up leads back to.
        return _guardians(student_id)
    try:
        code = guardians.offer(web.session(), web.actor(), web.account_id(), student_id)
    except service.StudentUnknown:
        abort(404)
    except guardians.TooManyGuardians:
        return _guardians(student_id, full=True)
    return _guardians(student_id, code=code)


@public_pages.route("/students/join", methods=["GET", "POST"])
@requires(Permission.OWN_ENROLMENT)
def join() -> Page:
    """Become a second guardian with the first one's code."""
    form = JoinForm()
    if request.method == "GET":
        return render_template("students/join.html", form=form)
    if not form.validate():
        return render_template("students/join.html", form=form), 422
    limits.spend("binding", str(web.account_id()), TRIES)
    limits.spend("binding.source", limits.source(), TRIES_OF_SOURCE)
    try:
        guardianship_id = guardians.accept(
            web.session(),
            web.actor(),
            web.account_id(),
            code=form.code.data or "",
            name=form.name.data or "",
        )
    except guardians.CodeWrong:
        form.code.errors = [
            _("绑定码和学员姓名不相符，或者绑定码已用过、已过期。请核对，或请对方给一个新的")
        ]
        return render_template("students/join.html", form=form), 422
    web.flash("success", _("已绑定，先绑定学员的监护人已收到通知"))
    return redirect(url_for("students.shared", guardianship_id=guardianship_id), 303)


@public_pages.get("/students/shared/<uuid:guardianship_id>")
@requires(Permission.OWN_ENROLMENT)
def shared(guardianship_id: uuid.UUID) -> Page:
    """Read how the registrations of a student stand whom one is the second guardian of."""
    try:
        student, rows = guardians.standings(web.session(), web.account_id(), guardianship_id)
    except guardians.GuardianshipUnknown:
        abort(404)
    return render_template(
        "students/shared.html", student=student, rows=rows, guardianship_id=guardianship_id
    )


Verb = Callable[..., None]


def _do(verb: Verb, guardianship_id: uuid.UUID, said: str) -> Response:
    try:
        verb(web.session(), web.actor(), web.account_id(), guardianship_id)
    except guardians.GuardianshipUnknown:
        abort(404)
    web.flash("success", said)
    return redirect(url_for("students.index"), 303)


@public_pages.post("/guardianships/<uuid:guardianship_id>/end")
@requires(Permission.OWN_ENROLMENT)
def end_guardianship(guardianship_id: uuid.UUID) -> Response:
    """End a binding, from either end."""
    return _do(guardians.end, guardianship_id, _("共同监护的绑定已解除，对方已收到通知"))


@public_pages.post("/guardianships/<uuid:guardianship_id>/dispute")
@requires(Permission.OWN_ENROLMENT)
def dispute_guardianship(guardianship_id: uuid.UUID) -> Response:
    """Freeze a binding; it shows nothing from now on."""
    return _do(
        guardians.dispute,
        guardianship_id,
        _("已冻结：对方现在什么也看不到，我们的个人信息保护负责人已收到通知"),
    )


@public_pages.post("/guardianships/<uuid:guardianship_id>/resume")
@requires(Permission.OWN_ENROLMENT)
def resume_guardianship(guardianship_id: uuid.UUID) -> Response:
    """Take one's own dispute back."""
    return _do(guardians.resume, guardianship_id, _("冻结已取消"))
