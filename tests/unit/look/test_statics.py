"""Static files: versions that reach imported scripts, compression, nothing outside the folder."""

from __future__ import annotations

import gzip

import pytest
from flask.testing import FlaskClient

from heyan import statics
from heyan.app import ROOT
from heyan.statics import Statics

HELD = Statics(ROOT / "static")
PAGE = f"/static/{HELD.version}/js/page.js"


def test_a_script_and_what_it_imports_share_a_version_and_are_kept(client: FlaskClient) -> None:
    """A browser never mixes scripts of two releases."""
    home = client.get("/").text
    for name in ("js/page.js", *HELD.imports("js/page.js")):
        assert f'"/static/{HELD.version}/{name}"' in home
        answer = client.get(f"/static/{HELD.version}/{name}")
        assert answer.mimetype == "text/javascript"
        assert answer.headers["Cache-Control"] == statics.FOREVER


@pytest.mark.parametrize("path", ["/static/js/page.js", "/static/0123456789ab/js/page.js"])
def test_an_address_without_the_present_version_is_asked_for_again(
    client: FlaskClient, path: str
) -> None:
    first = client.get(path)
    assert first.headers["Cache-Control"] == statics.ASK_AGAIN
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304


def test_texts_are_sent_compressed_to_who_can_read_it(client: FlaskClient) -> None:
    """UX: the first view on slow 4G."""
    plain = client.get(PAGE.replace("js/page.js", "css/base.css"))
    packed = client.get(
        PAGE.replace("js/page.js", "css/base.css"), headers={"Accept-Encoding": "gzip, br"}
    )
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.data) == plain.data
    assert len(packed.data) < len(plain.data) / 2
    assert packed.headers["ETag"] != plain.headers["ETag"]


def test_the_desk_is_fetched_in_one_breath() -> None:
    found = HELD.imports("js/organizer/desk.js")
    assert "js/organizer/bytes.js" in found
    assert "vendor/age-encryption/age.js" in found
    assert len(found) == len(set(found))


@pytest.mark.parametrize("path", ["../wsgi.py", "%2e%2e/wsgi.py", "js", "", "0123456789ab/"])
def test_nothing_else_is_served(client: FlaskClient, path: str) -> None:
    """SECURITY 36: and no cache keeps the page that says so, which has a number of its own."""
    answer = client.get(f"/static/{path}")
    assert answer.status_code == 404
    assert answer.headers["Cache-Control"] == "no-store"
