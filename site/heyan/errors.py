"""Error pages: what happened, what to do, the hotline, and a number to quote; never a trace."""

from __future__ import annotations

from typing import Any

import structlog
from flask import Flask, g, jsonify, render_template, request
from flask_babel import gettext as _
from sqlalchemy.exc import DataError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import BadRequest, HTTPException, InternalServerError, SecurityError

from heyan import web
from heyan.csrf import CsrfRefused
from heyan.custody.objects import ObjectCorrupt, ObjectStoreError

log = structlog.get_logger()


def init(app: Flask) -> None:
    """Register the handlers."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(CsrfRefused, _csrf)
    app.register_error_handler(OperationalError, _away)
    app.register_error_handler(DataError, _unstorable)
    app.register_error_handler(InterfaceError, _away)
    app.register_error_handler(PoolTimeout, _away)
    app.register_error_handler(ObjectStoreError, _away)
    app.register_error_handler(Exception, _unexpected)


def _page(status: int, title: str, advice: str) -> tuple[Any, int]:
    number = g.get("request_id", "")
    if request.accept_mimetypes.best == "application/json" or request.is_json:
        return jsonify(error=title, advice=advice, number=number), status
    return (
        render_template(
            "errors/error.html", status=status, title=title, advice=advice, number=number
        ),
        status,
    )


def _http(error: HTTPException) -> Any:
    status = error.code or 500
    if status < 400:
        return error
    if isinstance(error, SecurityError):
        # A host name that is not ours: no page can be drawn, since no address can be built.
        answer = app_response("400 Bad Request\n", 400)
        answer.content_type = "text/plain; charset=utf-8"
        return answer
    words = {
        400: (_("请求有误"), _("浏览器发来的内容不完整，请返回上一页重试。")),
        401: (_("请先登录"), _("登录已经结束，您填写的内容还在上一页：请登录后再提交。")),
        403: (_("没有权限"), _("这个页面不对您的账号开放。如果您认为不对，请联系我们。")),
        404: (_("没有找到"), _("网址可能有误，或者内容已经移走。")),
        405: (_("方法不对"), _("请从页面上的按钮或链接进入。")),
        409: (_("状态已经改变"), _("请刷新页面，查看最新状态后再操作。")),
        413: (_("内容太大"), _("上传的内容超过了上限，请缩小后再试。")),
        415: (_("格式不支持"), _("请换一种文件格式。")),
        422: (_("内容有误"), _("请按提示修改后再提交。")),
        429: (_("操作太频繁"), _("请稍等片刻再试。")),
        503: (_("暂时无法处理"), _("请稍后再试。")),
    }
    title, advice = words.get(status, (_("出错了"), _("请稍后再试。")))
    if error.description and error.description != type(error).description:
        advice = error.description
    page, code = _page(status, title, advice)
    response = app_response(page, code)
    for name, value in error.get_headers():
        if name.lower() in ("allow", "retry-after"):
            response.headers[name] = value
    return response


def app_response(page: Any, status: int) -> Any:
    """Return *page* as a response with *status*."""
    from flask import make_response

    return make_response(page, status)


def _csrf(_error: CsrfRefused) -> Any:
    log.warning("csrf_refused", endpoint=request.endpoint)
    return _page(
        403,
        _("页面已经过期"),
        _(
            "为了防止他人冒用，请返回上一页，刷新后再提交。"
            "您的浏览器需要允许本站的 Cookie 才能登录。"
        ),
    )


def _unstorable(error: DataError) -> Any:
    """A value that no column takes, such as a NUL or a number beyond all bounds: not our fault."""
    log.warning("value_refused", kind=type(error.orig).__name__, endpoint=request.endpoint)
    web.session().rollback()
    return _http(BadRequest())


def _away(error: Exception) -> Any:
    lied = isinstance(error, ObjectCorrupt)
    log.error(
        "store_lied" if lied else "engine_away",
        kind=type(error).__name__,
        endpoint=request.endpoint,
    )
    page, status = _page(
        503, _("暂时无法处理"), _("系统的一部分暂时不可用，您的操作没有生效，请几分钟后再试。")
    )
    response = app_response(page, status)
    response.headers["Retry-After"] = "30"
    return response


def _unexpected(error: Exception) -> Any:
    # The message of an exception may hold a value; its type and place do not.
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
    log.error("unexpected", kind=type(error).__name__, place=place, endpoint=request.endpoint)
    if not isinstance(error, InternalServerError):
        g.setdefault("request_id", "")
    return _page(
        500, _("对不起，出错了"), _("我们已经记录下这个问题。请稍后再试，或致电并报出下面的编号。")
    )
