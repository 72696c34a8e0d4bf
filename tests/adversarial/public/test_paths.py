"""What strangers look for beside the pages: sources, settings, consoles. Nothing is there."""

from __future__ import annotations

import re

import pytest

from heyan.access import public
from heyan.app import build
from tests.accounts import Browser
from tests.enrolment import World

TRIED = (
    *("/.git/HEAD", "/.git/config", "/.env", "/.venv/bin/python", "/wsgi.py", "/dev"),
    *("/pyproject.toml", "/requirements.txt", "/docs/settings.md", "/docs/", "/README.md"),
    *("/var/demo.json", "/var/env/web.env", "/migrations/env.py", "/tests/conftest.py"),
    *("/static/../wsgi.py", "/static/..%2fwsgi.py", "/static/%2e%2e/wsgi.py"),
    *("/static/js/..%5c..%5cwsgi.py", "/static//etc/passwd", "/static/", "/static/js/"),
    *("/static/vendor/package.json%00.js", "/console", "/debug", "/metrics", "/admin", "/swagger"),
    *("/actuator/env", "/server-status", "/phpinfo.php", "/wp-login.php", "/graphql"),
)
TRACE = re.compile(r"(?i)traceback|sqlalchemy|psycopg|werkzeug|granian|select |site-packages")


@pytest.mark.parametrize("path", TRIED)
def test_nothing_of_the_house_is_served(browser: Browser, path: str) -> None:
    """C-69, SECURITY 40: not the sources, not a console; and the page that says so says no more."""
    answer = browser.get(path)
    assert answer.status_code in (308, 404), path
    assert not TRACE.search(answer.text)


def test_no_debugger_answers(world: World, browser: Browser) -> None:
    """C-69: the program never runs in debug mode, whatever an address asks for."""
    assert not world.app.debug
    assert not world.app.testing
    answer = browser.get("/?__debugger__=yes&cmd=resource&f=debugger.js")
    assert answer.mimetype == "text/html"
    assert "EVALEX" not in answer.text


def test_a_fault_of_ours_says_a_number_and_nothing_else(world: World) -> None:
    """SECURITY 40, C-73: no trace, no query, no version; the number is in the log as well."""
    app = build(world.settings)

    def broken() -> str:
        raise RuntimeError("SELECT secret FROM somewhere")

    (home,) = [rule.endpoint for rule in app.url_map.iter_rules() if rule.rule == "/"]
    app.view_functions[home] = public(broken)
    answer = app.test_client().get("/")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert not TRACE.search(answer.text)
    assert re.search(r"问题编号 <strong class=\"mono\">[0-9a-f]{16}<", answer.text)
    assert not answer.headers.get("Server")
