"""Another phone number for one's account: proven by a code before anybody is asked to change it.

The number is how its owner comes back, so the change itself stays slow: a colleague, a second one,
72 hours, and word to the old number (Q2, C-34, C-39).
"""

from __future__ import annotations

from flask import Blueprint, redirect, render_template, request, url_for
from flask_babel import get_locale
from flask_babel import gettext as _
from werkzeug.wrappers import Response

from heyan import limits, web
from heyan.access import Permission, requires
from heyan.db import transaction
from heyan.notifications import codes, outbox
from heyan.notifications.models import MessageChannel, ProofPurpose
from heyan.rights import acts
from heyan.rights.forms import CodeForm, NumberForm
from heyan.rights.models import RightsKind
from heyan.rights.requests import Asked

Page = str | Response | tuple[str, int]


def add_to(blueprint: Blueprint) -> None:
    """Put the pages on *blueprint*."""
    both = ["GET", "POST"]
    blueprint.add_url_rule("/me/data/phone", "number", number, methods=both)
    blueprint.add_url_rule("/me/data/phone/code", "number_code", number_code, methods=both)


def _by_code() -> bool:
    return MessageChannel.SMS.value in web.settings().channels


@requires(Permission.OWN_ENROLMENT, step_up=True)
def number() -> Page:
    """Take the new number: a code goes to it, or colleagues call it where no SMS is sent."""
    form = NumberForm()
    if request.method == "GET":
        return render_template("rights/number.html", form=form, by_code=_by_code())
    if not form.validate():
        return render_template("rights/number.html", form=form, by_code=_by_code()), 422
    if not _by_code():
        return _asked(form.phone.e164)
    session = web.session()
    try:
        with transaction(session):
            codes.send(
                session,
                web.settings(),
                purpose=ProofPurpose.NEW_NUMBER,
                kind="verify_phone",
                account_id=web.account_id(),
                phone=form.phone.e164,
                source=limits.source(),
                locale="en" if str(get_locale()).startswith("en") else "zh_CN",
            )
    except outbox.BudgetSpent as spent:
        wait = limits.in_words(spent.seconds)
        form.phone.errors = [_("发得太频繁，请在%(wait)s后再试", wait=wait)]
        return render_template("rights/number.html", form=form, by_code=True), 429
    return redirect(url_for("rights.number_code"), 303)


@requires(Permission.OWN_ENROLMENT, step_up=True)
def number_code() -> Page:
    """Take the code that came to the new number, and ask colleagues to change it."""
    form = CodeForm()
    if request.method == "GET":
        return render_template("rights/number_code.html", form=form)
    session, mine = web.session(), web.account_id()
    proof = None
    if form.validate():
        waiting = codes.latest(session, mine, ProofPurpose.NEW_NUMBER)
        proof = codes.take(session, web.settings(), waiting, form.code.data or "")
        if proof is None:
            form.code.errors = [_("验证码不对、已过期或试得太多。请检查，或重新发一个")]
    if proof is None:
        return render_template("rights/number_code.html", form=form), 422
    with transaction(session):
        if not codes.use(session, proof.id):
            return redirect(url_for("rights.number"), 303)
        return _asked(proof.address, _("新号码已用短信验证码核实。"))


def _asked(phone: str, words: str = "") -> Response:
    asked = Asked(
        kind=RightsKind.CORRECT,
        account_id=web.account_id(),
        subject=acts.PHONE,
        wanted=phone,
        words=words,
        signed_in=True,
    )
    done = acts.correct(web.session(), web.actor(), asked)
    web.flash("success", _("已收到，最迟 5 个工作日内答复您。"))
    return redirect(url_for("rights.show", request_id=done.id), 303)
