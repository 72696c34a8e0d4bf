"""HEAD as the GET it is: the page is made the same way, only its body stays here.

A view that tells GET from POST must never take HEAD for the latter: no form token is asked for a
method that changes nothing. So no view sees HEAD at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

WsgiApp = Callable[[dict[str, Any], Any], Iterable[bytes]]


def head_as_get(app: WsgiApp) -> WsgiApp:
    """Return *app* behind a gate that turns HEAD into GET and drops the body."""

    def gate(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        # Methods are told apart by case (RFC 9110), but the framework takes "head" for HEAD too.
        if environ.get("REQUEST_METHOD", "").upper() != "HEAD":
            return app(environ, start_response)
        asked = {key: value for key, value in environ.items() if key != "HTTP_RANGE"}
        # Ranges are for GET alone (RFC 9110); a view with a costly body may look at heyan.head.
        body = app({**asked, "REQUEST_METHOD": "GET", "heyan.head": True}, start_response)
        close = getattr(body, "close", None)
        if close is not None:
            close()
        return ()

    return gate
