"""The floor of the page benchmark: Flask, the same statements, the same templates, nothing else.

Each page is asked for once from the real application, and what it did is noted: the queries it
made and the template it rendered, with what. Then everything around is taken away (sign-in,
permissions, headers, limits, rules, context), and a request does just those two things.
"""

from __future__ import annotations

import json
import os
from typing import Any

from flask import Flask, render_template, template_rendered
from flask_babel import Babel
from flask_login import LoginManager
from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState, Session

from heyan.app import build
from heyan.settings import Settings


def _noted(app: Flask, path: str, cookie: str) -> tuple[str, dict[str, Any], list[Any]]:
    statements: list[Any] = []
    rendered: list[tuple[str, dict[str, Any]]] = []

    def sent(state: ORMExecuteState) -> None:
        # What options load along with a statement comes again by itself when it is sent again.
        if state.is_select and not (state.is_relationship_load or state.is_column_load):
            statements.append((state.statement, state.parameters))

    def drawn(_sender: Any, template: Any, context: dict[str, Any], **_more: Any) -> None:
        if not rendered:
            rendered.append((template.name, dict(context)))

    event.listen(Session, "do_orm_execute", sent)
    try:
        # Twice: caches of the process are warm, as they are when measured.
        for _time in range(2):
            statements.clear()
            rendered.clear()
            with template_rendered.connected_to(drawn, app):
                headers = {"Cookie": cookie} if cookie else {}
                answer = app.test_client(use_cookies=False).get(path, headers=headers)
            if answer.status_code != 200:
                raise RuntimeError(f"{path}: {answer.status}")
    finally:
        event.remove(Session, "do_orm_execute", sent)
    name, context = rendered[0]
    kept = {k: v for k, v in context.items() if k not in ("request", "session", "g")}
    return name, kept, statements


def floor() -> Flask:
    """Return the bare application for the pages that BENCH_PAGES names."""
    app = build(Settings.from_env())
    pages: list[tuple[str, str]] = json.loads(os.environ["BENCH_PAGES"])
    noted = {path: _noted(app, path, cookie) for path, cookie in pages}
    sessions = app.extensions["heyan"].sessions
    bare = Flask("floor", template_folder=app.template_folder, static_folder=None)
    bare.jinja_options = dict(app.jinja_options)
    bare.extensions["heyan"] = app.extensions["heyan"]
    bare.config.update(app.config)
    Babel(bare, locale_selector=lambda: "zh_CN")
    # The same person stands in the page's frame, without being looked up.
    people = {path: context.get("signed_in") for path, (_n, context, _s) in noted.items()}
    LoginManager(bare).request_loader(lambda request: people.get(request.path))
    bare.jinja_env.globals.update(
        {k: v for k, v in app.jinja_env.globals.items() if k not in bare.jinja_env.globals}
    )
    bare.jinja_env.filters.update(app.jinja_env.filters)
    bare.jinja_env.tests.update(app.jinja_env.tests)
    for rule in app.url_map.iter_rules():
        bare.url_map.add(rule.empty())
    for path, (name, context, statements) in noted.items():
        bare.view_functions[path] = _view(sessions, name, context, statements)
        endpoint = app.url_map.bind("localhost").match(path)[0]
        bare.view_functions[endpoint] = bare.view_functions[path]
    return bare


def _view(sessions: Any, name: str, context: dict[str, Any], statements: list[Any]) -> Any:
    def view(**_arguments: Any) -> str:
        with sessions() as session:
            for statement, parameters in statements:
                session.execute(statement, parameters).unique().all()
        return render_template(name, **context)

    return view


app = floor()
