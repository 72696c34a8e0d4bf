"""Both ways out, real: a mail server over TLS, and an HTTPS service that checks signatures."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

from aiosmtpd.controller import Controller
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import event
from sqlalchemy.engine import Engine

KEY_ID, SECRET = "test-key-id", "test-secret-of-the-sms-service"
HOST = "127.0.0.1"


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that any engine runs meanwhile, without their values."""
    seen: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@dataclass(frozen=True)
class Certificates:
    """A certificate authority of the test's own, and a server's certificate by it."""

    ca: Path
    server: ssl.SSLContext


def certificates(folder: Path) -> Certificates:
    """Make both; the server is 127.0.0.1."""
    now = datetime.now(UTC)

    def sign(
        name: str, key: Any, issuer: str, by: Any, *more: tuple[x509.ExtensionType, bool]
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=800))
            .not_valid_after(now + timedelta(days=800))
        )
        for extension, critical in more:
            builder = builder.add_extension(extension, critical)
        return builder.sign(by, hashes.SHA256())

    root, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    basic = (x509.BasicConstraints(ca=True, path_length=0), True)
    authority = sign("Test CA", root, "Test CA", root, basic)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(HOST))])
    server = sign(HOST, leaf, "Test CA", root, (alternative, False))
    ca = folder / "ca.pem"
    ca.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    chain = folder / "server.pem"
    chain.write_bytes(
        leaf.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + server.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return Certificates(ca, context)


class _PlainController(Controller):
    """aiosmtpd's controller knocks once at the port it was given, which is none of ours."""

    def _trigger_server(self) -> None:
        server: Any = self.server
        with socket.create_connection((HOST, server.sockets[0].getsockname()[1]), 5) as plain:
            plain.recv(1024)


class _TlsController(Controller):
    """aiosmtpd's controller knocks once with the server's own context, which no client may use."""

    def _trigger_server(self) -> None:
        server: Any = self.server
        knocking = ssl.create_default_context()
        knocking.check_hostname, knocking.verify_mode = False, ssl.CERT_NONE
        address = (HOST, server.sockets[0].getsockname()[1])
        with socket.create_connection(address, 5) as plain, knocking.wrap_socket(plain) as wrapped:
            wrapped.recv(1024)


@dataclass
class MailBox:
    """A mail server; ``answers`` are what it says to the next messages instead of taking them."""

    certificates: Certificates
    answers: list[str] = field(default_factory=list)
    # How it listens: "tls" from the first byte, "starttls", or "plain", which no sender may use.
    security: str = "tls"
    taken: list[tuple[str, EmailMessage]] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)
    port: int = 0

    def start(self) -> MailBox:
        """Listen on a free port."""
        context = self.certificates.server
        self._controller: Controller
        if self.security == "tls":
            self._controller = _TlsController(self, hostname=HOST, port=0, ssl_context=context)
        elif self.security == "starttls":
            self._controller = _PlainController(
                self, hostname=HOST, port=0, tls_context=context, require_starttls=True
            )
        else:
            self._controller = _PlainController(self, hostname=HOST, port=0)
        self._controller.start()
        server: Any = self._controller.server
        self.port = server.sockets[0].getsockname()[1]
        return self

    def stop(self) -> None:
        """Stop listening."""
        self._controller.stop()

    async def handle_DATA(  # noqa: N802 - the library's name
        self, _server: Any, _session: Any, envelope: Any
    ) -> str:
        """Take a message, or say what was put in ``answers``."""
        if self.answers:
            return self.answers.pop(0)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.raw.append(envelope.content)
        self.taken.append((envelope.rcpt_tos[0], message))
        return "250 taken"

    def to(self, address: str) -> list[EmailMessage]:
        """What an address got."""
        return [message for rcpt, message in self.taken if rcpt == address]


@dataclass
class SmsService:
    """Answers like Aliyun's SMS service, and checks the signature as its documents say."""

    certificates: Certificates
    answers: list[str] = field(default_factory=list)
    taken: list[dict[str, str]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    # What the network said of a message, by its OutId: 2 not arrived, 3 arrived, and its code.
    reports: dict[str, tuple[int, str]] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)
    # Called when a message is taken, before the answer: where a test kills or races.
    meanwhile: Callable[[], None] = lambda: None
    port: int = 0

    def start(self) -> SmsService:
        """Listen on a free port."""
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                answer = service.answer(dict(self.headers.items()), body)
                text = json.dumps(answer).encode()
                self.send_response(200 if answer["Code"] == "OK" else 400)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_args: object) -> None:
                return

        self._server = ThreadingHTTPServer((HOST, 0), Handler)
        self._server.socket = self.certificates.server.wrap_socket(
            self._server.socket, server_side=True
        )
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def answer(self, headers: dict[str, str], body: bytes) -> dict[str, Any]:
        """Check and take a request."""
        given = {name.lower(): value for name, value in headers.items()}
        if (fault := _signature_fault(given, body)) is not None:
            self.refused.append(fault)
            return {"Code": "SignatureDoesNotMatch", "Message": fault}
        if self.answers:
            return {"Code": self.answers.pop(0)}
        query = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if given["x-acs-action"] == "QuerySendDetails":
            return self._details(query)
        self.taken.append(query)
        self.meanwhile()
        return {"Code": "OK", "BizId": f"biz-{len(self.taken)}", "RequestId": "r"}

    def _details(self, query: dict[str, str]) -> dict[str, Any]:
        """Answer as their documents describe QuerySendDetails; all but BizId are required."""
        if not {"PhoneNumber", "SendDate", "PageSize", "CurrentPage"} <= set(query):
            return {"Code": "isv.INVALID_PARAMETERS"}
        self.asked.append(query)
        rows = []
        for place, sent in enumerate(self.taken, 1):
            if (f"biz-{place}", sent["PhoneNumbers"]) == (query["BizId"], query["PhoneNumber"]):
                status, code = self.reports.get(sent["OutId"], (1, ""))
                rows.append(
                    {
                        "SendStatus": status,
                        "ErrCode": code,
                        "OutId": sent["OutId"],
                        "PhoneNum": sent["PhoneNumbers"],
                        "Content": "【启程报名】" + sent.get("TemplateParam", ""),
                    }
                )
        return {
            "Code": "OK",
            "TotalCount": str(len(rows)),
            "SmsSendDetailDTOs": {"SmsSendDetailDTO": rows},
        }

    def to(self, phone: str) -> list[dict[str, str]]:
        """What a number got."""
        return [query for query in self.taken if query["PhoneNumbers"] == phone]


def _signature_fault(given: dict[str, str], body: bytes) -> str | None:
    """Check ACS3-HMAC-SHA256 by the provider's description, not by our code."""
    found = re.fullmatch(
        r"ACS3-HMAC-SHA256 Credential=([^,]+),SignedHeaders=([^,]+),Signature=([0-9a-f]{64})",
        given.get("authorization", ""),
    )
    if found is None or found[1] != KEY_ID:
        return "no signature"
    digest = hashlib.sha256(body).hexdigest()
    if given["x-acs-content-sha256"] != digest:
        return "another body"
    if given["x-acs-version"] != "2017-05-25":
        return "another version"
    if given["x-acs-action"] not in ("SendSms", "QuerySendDetails"):
        return "another action"
    names = found[2].split(";")
    needed = {"host", "x-acs-action", "x-acs-content-sha256", "x-acs-date"}
    if names != sorted(names) or not needed | {"x-acs-version"} <= set(names):
        return "headers left out"
    parts = ["POST", "/", "", *[f"{name}:{given[name].strip()}" for name in names], ""]
    canonical = "\n".join([*parts, found[2], digest])
    text = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
    right = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).hexdigest()
    return None if hmac.compare_digest(right, found[3]) else "wrong signature"


def link_in(message: EmailMessage) -> str:
    """The path of the link in a message."""
    found = re.search(r"https?://[^/\s]+(/account/\S+)", message.get_content())
    assert found, message.get_content()
    return unquote(found[1])
