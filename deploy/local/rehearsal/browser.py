"""A browser without scripts: cookies, redirects, forms read from the page before.

Each person comes from a loopback address of their own where the site is on loopback, so that
limits by source hold for the rehearsal as they do for people, and two runs do not add up.
"""

from __future__ import annotations

import html
import http.client
import json
import re
import secrets
import uuid
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

AGENT = "Mozilla/5.0 (Linux; Android 11; rehearsal) AppleWebKit/537.36 Mobile Safari/537.36"
REDIRECTS = (301, 302, 303, 307, 308)


class StepFailed(Exception):
    """A step of the rehearsal did not hold; the message says which and what was seen."""


@dataclass
class FilePart:
    """A file chosen in a form."""

    name: str
    content: bytes
    kind: str = "image/jpeg"


@dataclass
class HtmlForm:
    """One form of a page: where it goes and what it would send untouched."""

    action: str
    method: str
    values: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    options: dict[str, list[str]] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[HtmlForm] = []
        self._open: HtmlForm | None = None
        self._select = ""
        self._textarea = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name = given.get("name") or ""
        value = given.get("value")
        if tag == "form":
            self._open = HtmlForm(given.get("action") or "", (given.get("method") or "get").lower())
            self.forms.append(self._open)
        form = self._open
        if form is None:
            return
        if tag in ("input", "select", "textarea", "button") and name:
            form.names.add(name)
        if tag == "input":
            self._input(form, name, value, given)
        elif tag == "button" and name:
            form.buttons.append((name, value or ""))
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select:
            offered = form.options.setdefault(self._select, [])
            offered.append(value or "")
            if len(offered) == 1 or "selected" in given:
                form.values[self._select] = value or ""
        elif tag == "textarea":
            self._textarea = name
            form.values[name] = ""

    def _input(
        self, form: HtmlForm, name: str, value: str | None, given: dict[str, str | None]
    ) -> None:
        kind = (given.get("type") or "text").lower()
        if not name or kind in ("file", "submit", "image", "button"):
            if kind == "submit" and name:
                form.buttons.append((name, value or ""))
            return
        if kind in ("checkbox", "radio"):
            form.options.setdefault(name, []).append(value or "on")
            if "checked" in given:
                form.values[name] = value or "on"
        else:
            form.values[name] = value or ""

    def handle_data(self, data: str) -> None:
        if self._open is not None and self._textarea:
            self._open.values[self._textarea] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None
        elif tag == "select":
            self._select = ""
        elif tag == "textarea":
            self._textarea = ""


@dataclass
class Answer:
    """What the site said: status, headers, body, and the address it came from in the end."""

    url: str
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    @property
    def words(self) -> str:
        """The page's text without its tags."""
        inner = re.sub(r"<(script|style|svg).*?</\1>", " ", self.text, flags=re.DOTALL)
        return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", inner))).strip()

    @property
    def path(self) -> str:
        """The path of the address."""
        return urlsplit(self.url).path

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def links(self, pattern: str) -> list[str]:
        """Return the links whose address contains *pattern* (a regular expression), in order."""
        found = [html.unescape(href) for href in re.findall(r'href="([^"]+)"', self.text)]
        return list(dict.fromkeys(href for href in found if re.search(pattern, href)))

    def main(self) -> str:
        """The words of the page's main part."""
        inner = re.search(r"<main.*?</main>", self.text, re.DOTALL)
        part = Answer(self.url, self.status, {}, (inner[0] if inner else self.text).encode())
        return part.words

    def form(self, *names: str, to: str = "") -> HtmlForm:
        """Return the first form that has all the fields *names* and goes to an address with *to*.

        Raises `StepFailed` when the page has none.
        """
        parser = _Forms()
        parser.feed(self.text)
        for one in parser.forms:
            target = urljoin(self.url, one.action)
            if set(names) <= one.names and re.search(to, target):
                one.action = target
                return one
        wanted = ", ".join(names) or to
        raise StepFailed(f"no form with {wanted} on {self.path} ({self.status}): {self.gist()}")

    def gist(self) -> str:
        """A piece of the page for a failure's message."""
        return self.main()[:300]


class Browser:
    """One person's browser."""

    def __init__(self, base_url: str, who: str) -> None:
        parts = urlsplit(base_url)
        self.base_url = base_url
        self.who = who
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or "127.0.0.1"
        self._port = parts.port or (443 if self._secure else 80)
        source = ".".join(str(secrets.randbelow(250) + 2) for _ in range(3))
        self._source = (f"127.{source}", 0) if self._host in ("127.0.0.1", "localhost") else None
        self.cookies: dict[str, str] = {}

    def _connection(self) -> http.client.HTTPConnection:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        return kind(self._host, self._port, timeout=60, source_address=self._source)

    def _once(self, method: str, url: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        parts = urlsplit(url)
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        sent = {"User-Agent": AGENT, "Accept-Language": "zh-CN", "Accept": "text/html", **headers}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        if method == "POST":
            sent.setdefault("Origin", self.base_url)
            sent.setdefault("Sec-Fetch-Site", "same-origin")
        connection = self._connection()
        try:
            connection.request(method, target or "/", body, sent)
            found = connection.getresponse()
            content = found.read()
        finally:
            connection.close()
        for line in found.headers.get_all("Set-Cookie") or []:
            self._keep(line)
        headers_seen = {key.lower(): value for key, value in found.getheaders()}
        return Answer(url, found.status, headers_seen, content)

    def _keep(self, line: str) -> None:
        pair, *attributes = line.split(";")
        name, _equals, value = pair.strip().partition("=")
        gone = any(part.strip().lower() == "max-age=0" for part in attributes)
        if gone or not value:
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value

    def get(self, path: str, **headers: str) -> Answer:
        """Open an address, following redirects on this site."""
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return self._follow(self._once("GET", urljoin(self.base_url, path), None, named))

    def _follow(self, answer: Answer) -> Answer:
        for _hop in range(6):
            if answer.status not in REDIRECTS:
                return answer
            target = urljoin(answer.url, answer.headers["location"])
            if urlsplit(target).netloc != urlsplit(self.base_url).netloc:
                raise StepFailed(f"{answer.path} leads to another site: {target}")
            answer = self._once("GET", target, None, {})
        raise StepFailed(f"{answer.path} goes round in circles")

    def send(
        self, form: HtmlForm, *, accept: str = "text/html", **fields: str | FilePart
    ) -> Answer:
        """Fill in *fields* and send the form; a file among them makes it multipart."""
        values: dict[str, str | FilePart] = {**form.values, **fields}
        headers = {"Accept": accept}
        if any(isinstance(value, FilePart) for value in values.values()):
            boundary = uuid.uuid4().hex
            body = _multipart(values, boundary)
            headers["Content-Type"] = f"multipart/form-data; boundary={boundary}"
        else:
            body = urlencode(values).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if form.method == "get":
            return self.get(f"{form.action.partition('?')[0]}?{body.decode()}")
        return self._follow(self._once("POST", form.action, body, headers))

    def raw(self, method: str, path: str, **headers: str) -> Answer:
        """Send one request and do not follow where it leads."""
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return self._once(method, urljoin(self.base_url, path), None, named)


def _multipart(values: dict[str, str | FilePart], boundary: str) -> bytes:
    out = bytearray()
    for name, value in values.items():
        out += f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'.encode()
        if isinstance(value, FilePart):
            out += f'; filename="{value.name}"\r\nContent-Type: {value.kind}\r\n\r\n'.encode()
            out += value.content
        else:
            out += b"\r\n\r\n" + value.encode()
        out += b"\r\n"
    return bytes(out + f"--{boundary}--\r\n".encode())
