"""Pages of the end of the service: staff's, the certificate, and the last page of all."""

from __future__ import annotations

from collections.abc import Callable

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as AnyResponse

from heyan import clock, web
from heyan.access import Permission, public, requires
from heyan.accounts.pages import client
from heyan.winddown import service
from heyan.winddown.cli import winddown_cli
from heyan.winddown.forms import EndingForm

staff_pages = Blueprint("staff_winddown", __name__, url_prefix="/staff/winddown")
public_pages = Blueprint("winddown", __name__, cli_group=None)
public_pages.cli.add_command(winddown_cli)
Page = str | AnyResponse | tuple[str, int]


@staff_pages.get("")
@requires(Permission.WINDDOWN_SEE)
def index() -> Page:
    """Show whether and when the service ends, and who has to act."""
    return _page(EndingForm())


def _page(form: EndingForm, status: int = 200) -> Page:
    row = service.standing(web.session())
    page = render_template(
        "winddown/index.html", row=row, form=form, mine=web.account_id(), moment=clock.now()
    )
    return page, status


@staff_pages.post("/propose")
@requires(Permission.WINDDOWN_PROPOSE, step_up=True)
def propose() -> Page:
    """Propose the last day."""
    form = EndingForm()
    if not form.validate():
        return _page(form, 422)
    try:
        service.propose(web.session(), web.actor(), form.ends_at)
    except service.TooSoon as refused:
        form.last_day.errors = [
            _("离这一天结束只有 %(days)s 天，至少要提前 30 天，请改得晚一些", days=refused.days)
        ]
        return _page(form, 422)
    except service.StandsAlready:
        abort(409, description=_("已经有一个停止服务的安排，请刷新页面查看。"))
    web.flash("success", _("已提出，管理员批准之后开始公告"))
    return redirect(url_for("staff_winddown.index"), 303)


@staff_pages.post("/approve")
@requires(Permission.WINDDOWN_APPROVE, step_up=True)
def approve() -> Page:
    """Approve the end that another proposed."""
    return _acted(lambda: service.approve(web.session(), web.actor(), browser=client().devices))


@staff_pages.post("/cancel")
@requires(Permission.WINDDOWN_SEE, step_up=True)
def cancel() -> Page:
    """Ask that the end be called off, or agree to it."""
    person = web.login_session()
    needed = (Permission.WINDDOWN_PROPOSE, Permission.WINDDOWN_APPROVE)
    if person is None or not any(person.may(one) for one in needed):
        abort(403)
    if request.form.get("step") == "confirm":
        return _acted(lambda: service.cancel(web.session(), web.actor(), browser=client().devices))
    return _acted(lambda: service.ask_to_cancel(web.session(), web.actor()))


def _acted(act: Callable[[], None]) -> Page:
    try:
        act()
    except service.NotTheOther:
        abort(403, description=_("提出的人不能自己批准，请由另一个人办理。"))
    except service.TooSoon as refused:
        abort(
            409,
            description=_(
                "离最后一天只剩 %(days)s 天，不够 30 天。请撤销之后重新提出。", days=refused.days
            ),
        )
    except service.NoEnding:
        abort(409, description=_("现在的状态不允许这一步，请刷新页面查看。"))
    web.flash("success", _("已办理"))
    return redirect(url_for("staff_winddown.index"), 303)


# --- the public's side -----------------------------------------------------------------------


@public_pages.get("/ended/certificate.json")
@public
def certificate() -> Response:
    """Hand out the signed certificate of the final destruction."""
    row = service.announced(web.reading())
    if row is None or row.certificate is None:
        abort(404)
    return Response(
        row.certificate,
        content_type="application/json",
        headers={"Content-Disposition": 'attachment; filename="heyan-destruction.json"'},
    )
