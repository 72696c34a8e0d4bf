"""Pages of students: list, add, unbind."""

from __future__ import annotations

import uuid

from flask import abort, redirect, render_template, request, url_for
from flask_babel import gettext as _

from heyan import web
from heyan.access import Permission, requires
from heyan.students import guardian_views, guardians, service
from heyan.students.forms import StudentForm
from heyan.students.models import Relation, Student
from heyan.students.pages import Page, public_pages

__all__ = ["guardian_views", "public_pages"]


@public_pages.get("/students")
@requires(Permission.OWN_ENROLMENT)
def index() -> Page:
    """List the account's students."""
    session = web.session()
    students = service.list_students(session, web.account_id())
    registered = service.live_registrations(session, [student.id for student in students])
    return render_template(
        "students/index.html",
        students=students,
        registered=registered,
        shared=guardians.shared(session, web.account_id()),
    )


@public_pages.route("/students/new", methods=["GET", "POST"])
@requires(Permission.OWN_ENROLMENT)
def new() -> Page:
    """Add a student, and go back to where the person came from."""
    form = StudentForm()
    target = web.safe_next(request.values.get("next"), "")
    if request.method == "GET":
        return render_template("students/new.html", form=form, next=target)
    if not form.validate() or form.birth_date.day is None:
        return render_template("students/new.html", form=form, next=target), 422
    try:
        service.bind_student(
            web.session(),
            web.actor(),
            web.account_id(),
            name=form.name.data or "",
            birth_date=form.birth_date.day,
            relation=Relation(form.relation.data),
        )
    except service.TooManyStudents:
        form.name.errors = [
            _("一个账号最多绑定 %(count)s 名学员", count=service.MAX_STUDENTS),
        ]
        return render_template("students/new.html", form=form, next=target), 422
    web.flash("success", _("学员已添加"))
    return redirect(target or url_for("students.index"), 303)


@public_pages.route("/students/<uuid:student_id>/unbind", methods=["GET", "POST"])
@requires(Permission.OWN_ENROLMENT)
def unbind(student_id: uuid.UUID) -> Page:
    """Ask, then unbind a student."""
    session = web.session()
    student = _own(student_id)
    if request.method == "GET":
        registered = bool(service.live_registrations(session, [student.id]))
        return render_template("students/unbind.html", student=student, registered=registered)
    try:
        service.unbind_student(session, web.actor(), web.account_id(), student_id)
    except service.StudentRegistered:
        return render_template("students/unbind.html", student=student, registered=True), 409
    web.flash("success", _("已解除绑定，学员资料已删除"))
    return redirect(url_for("students.index"), 303)


def _own(student_id: uuid.UUID) -> Student:
    try:
        return service.load(web.session(), web.account_id(), student_id)
    except service.StudentUnknown:
        abort(404)
