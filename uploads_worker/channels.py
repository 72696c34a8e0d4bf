"""The ways out: a mail server over verified TLS, and Aliyun's SMS service (CONTROLS C-72).

Each raises `Later` for what may pass and `Never` for what will not; both name the reason in a word
of ours. What a server answered is never logged: it may repeat the address.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import smtplib
import ssl
import uuid
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from typing import Protocol
from urllib.parse import quote, urlencode

import urllib3
from urllib3.exceptions import HTTPError, SSLError

from heyan import clock
from heyan.notifications.letters import Letter
from uploads_worker.settings import WorkerSettings

SECONDS = 15.0


class Later(Exception):
    """Not now: the server is away, busy, or asks to wait."""


class Never(Exception):
    """This message will not be taken, however often it is tried."""


@dataclass(frozen=True)
class Envelope:
    """What a channel needs: the message's id, where to, its kind, its words, its code if any."""

    message_id: uuid.UUID
    address: str
    kind: str
    letter: Letter
    code: str | None
    locale: str


class Channel(Protocol):
    """A way out."""

    def send(self, envelope: Envelope) -> str:
        """Hand *envelope* over; return the provider's receipt, or raise `Later` or `Never`."""


def tls(settings: WorkerSettings) -> ssl.SSLContext:
    """Return the context of every connection out: certificates and names are checked, always."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.message_ca is not None:
        context.load_verify_locations(settings.message_ca)
    return context


@dataclass(frozen=True)
class MailServer:
    """SMTP with TLS, from the first byte or by STARTTLS; there is no third way."""

    settings: WorkerSettings

    def send(self, envelope: Envelope) -> str:
        """Send one message; its Message-ID stays the same when it is sent again."""
        message = self.compose(envelope)
        try:
            with self._connect() as server:
                server.send_message(
                    message, self.settings.mail_from, [envelope.address], mail_options=["SMTPUTF8"]
                    if not envelope.address.isascii() else [],
                )  # fmt: skip
        except smtplib.SMTPRecipientsRefused as refused:
            code = next(iter(refused.recipients.values()))[0]
            raise _by_code(code, "address_refused") from None
        except smtplib.SMTPAuthenticationError:
            raise Later("sign_in_refused") from None
        except smtplib.SMTPResponseException as refused:
            raise _by_code(refused.smtp_code, "refused") from None
        except smtplib.SMTPNotSupportedError:
            raise Never("not_supported") from None
        except ssl.SSLError:
            raise Later("tls_unverified") from None
        except (smtplib.SMTPException, OSError):
            raise Later("server_away") from None
        return ""

    def _connect(self) -> smtplib.SMTP:
        here, context = self.settings, tls(self.settings)
        server: smtplib.SMTP
        if here.smtp_security == "tls":
            server = smtplib.SMTP_SSL(
                here.smtp_host, here.smtp_port, timeout=SECONDS, context=context
            )
        else:
            server = smtplib.SMTP(here.smtp_host, here.smtp_port, timeout=SECONDS)
            try:
                server.starttls(context=context)
            except smtplib.SMTPNotSupportedError:
                # Not offered, or taken out on the way: nothing is said in the clear, and the
                # message waits rather than being parked.
                server.close()
                raise Later("no_tls") from None
            except BaseException:
                server.close()
                raise
        if here.smtp_user:
            server.login(here.smtp_user, here.smtp_password)
        return server

    def compose(self, envelope: Envelope) -> EmailMessage:
        """Return the message; `Never` when the address is none."""
        local, _at, host = envelope.address.rpartition("@")
        message = EmailMessage(policy=WIRE)
        try:
            message["To"] = Address(username=local, domain=host)
        except (ValueError, IndexError, UnicodeError):
            raise Never("no_address") from None
        own, _at, own_host = self.settings.mail_from.rpartition("@")
        message["From"] = Address(self.settings.site_name, own, own_host)
        message["Subject"] = envelope.letter.subject
        message["Date"] = clock.now()
        message["Message-ID"] = f"<{envelope.message_id}@{own_host}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(envelope.letter.text, cte="base64")
        message["Content-Language"] = "en" if envelope.locale == "en" else "zh-CN"
        return message


def _by_code(code: int, reason: str) -> Later | Never:
    return Never(reason) if 500 <= code < 600 else Later(reason)


# QuerySendDetails: 1 waits for the network's word, 2 did not arrive, 3 did.
_NOT_ARRIVED, _ARRIVED = 2, 3
# What Aliyun answers that passes: too many just now, or their own trouble.
_PASSING = (
    "isv.BUSINESS_LIMIT_CONTROL",
    "isv.DAY_LIMIT_CONTROL",
    "isv.MONTH_LIMIT_CONTROL",
    "isv.AMOUNT_NOT_ENOUGH",
    "isv.OUT_OF_SERVICE",
    "isp.SYSTEM_ERROR",
    "isp.GATEWAY_ERROR",
    "Throttling",
    "ServiceUnavailable",
    "InternalError",
    "SignatureDoesNotMatch",
    "InvalidAccessKeyId",
    "Forbidden",
)


@dataclass(frozen=True)
class Reported:
    """What the provider knows of one message: whether it arrived, and the network's code if not."""

    arrived: bool
    code: str | None


@dataclass(frozen=True)
class Aliyun:
    """Alibaba Cloud Dysmsapi 2017-05-25: SendSms and QuerySendDetails, ACS3-HMAC-SHA256."""

    settings: WorkerSettings

    def send(self, envelope: Envelope) -> str:
        """Send one SMS by an approved template; return the service's BizId."""
        templates = parse_templates(self.settings.sms_templates)
        fallback = "code" if envelope.code else "notice"
        template = templates.get(envelope.kind, templates.get(fallback))
        if template is None:
            raise Never("no_template")
        query = {
            "PhoneNumbers": _their_number(envelope.address),
            "SignName": self.settings.sms_sign,
            "TemplateCode": template,
            # Comes back in their reports, so that a lost answer can be asked after.
            "OutId": str(envelope.message_id),
        }
        if envelope.code:
            query["TemplateParam"] = json.dumps({"code": envelope.code})
        return str(self._ask("SendSms", query).get("BizId", ""))[:64]

    def report(self, address: str, receipt: str, sent_at: datetime, out_id: str) -> Reported | None:
        """Ask what became of a message sent on *sent_at*; None while the network has not said.

        Raises `Later` and `Never`. Their reports come within 72 hours, and they can be asked for
        30 days.
        """
        answer = self._ask(
            "QuerySendDetails",
            {
                "PhoneNumber": _their_number(address),
                "BizId": receipt,
                # Their days are China's.
                "SendDate": f"{sent_at.astimezone(clock.SHANGHAI):%Y%m%d}",
                "PageSize": "10",
                "CurrentPage": "1",
            },
        )
        held = answer.get("SmsSendDetailDTOs")
        rows = held.get("SmsSendDetailDTO") if isinstance(held, dict) else None
        for row in rows if isinstance(rows, list) else []:
            if not isinstance(row, dict) or row.get("OutId") != out_id:
                continue
            if row.get("SendStatus") == _ARRIVED:
                return Reported(arrived=True, code=None)
            if row.get("SendStatus") == _NOT_ARRIVED:
                return Reported(arrived=False, code=_their_code(row.get("ErrCode")))
        return None

    def _ask(self, action: str, query: dict[str, str]) -> dict[str, object]:
        """Return their answer when it is OK; raises `Later` and `Never`."""
        answer = self._post(action, query)
        code = str(answer.get("Code", ""))
        if code == "OK":
            return answer
        raise Later("provider_busy") if code.startswith(_PASSING) else Never("provider_refused")

    def _post(self, action: str, query: dict[str, str]) -> dict[str, object]:
        # In the body, not the address: proxies write addresses down.
        body = urlencode(sorted(query.items()), quote_via=quote).encode()
        host = self.settings.sms_endpoint.removeprefix("https://").rstrip("/")
        headers = signed(
            host,
            body,
            action=action,
            access_key=self.settings.sms_access_key,
            secret_key=self.settings.sms_secret_key,
            nonce=uuid.uuid4().hex,
            date=f"{clock.now():%Y-%m-%dT%H:%M:%SZ}",
        )
        pool = urllib3.PoolManager(ssl_context=tls(self.settings), retries=False, timeout=SECONDS)
        try:
            response = pool.request(
                "POST", f"https://{host}/", body=body, headers=headers, redirect=False
            )
        except SSLError:
            raise Later("tls_unverified") from None
        except HTTPError:
            raise Later("server_away") from None
        finally:
            pool.clear()
        try:
            found = json.loads(response.data)
        except ValueError:
            found = None
        if isinstance(found, dict) and "Code" in found:
            return found
        raise Later("provider_busy") if response.status >= 429 else Never("provider_refused")


def _their_number(address: str) -> str:
    return address.removeprefix("+86").removeprefix("+")


def _their_code(code: object) -> str:
    """Return a network's code as it may be kept and shown: no number, nothing that was sent."""
    kept = re.sub(r"\d{6,}|[^A-Za-z0-9_.:-]", "", str(code or ""))[:40]
    return kept or "unknown"


def signed(
    host: str,
    body: bytes,
    *,
    action: str,
    access_key: str,
    secret_key: str,
    nonce: str,
    date: str,
) -> dict[str, str]:
    """Return the headers of a POST with an urlencoded *body*, signed with ACS3-HMAC-SHA256."""
    digest = hashlib.sha256(body).hexdigest()
    headers = {
        "content-type": "application/x-www-form-urlencoded",
        "host": host,
        "x-acs-action": action,
        "x-acs-content-sha256": digest,
        "x-acs-date": date,
        "x-acs-signature-nonce": nonce,
        "x-acs-version": "2017-05-25",
    }
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    canonical = f"POST\n/\n\n{lines}\n{names}\n{digest}"
    to_sign = f"ACS3-HMAC-SHA256\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(secret_key.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    headers["Authorization"] = (
        f"ACS3-HMAC-SHA256 Credential={access_key},SignedHeaders={names},Signature={signature}"
    )
    return headers


def parse_templates(text: str) -> dict[str, str]:
    """Read ``kind=code,…``."""
    pairs = (part.partition("=") for part in text.split(",") if part.strip())
    return {kind.strip(): code.strip() for kind, _equals, code in pairs}
