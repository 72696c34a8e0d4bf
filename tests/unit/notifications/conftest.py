"""The site and the worker with both channels on, against real servers of the test's own."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session

from heyan.settings import Settings
from tests.accounts import LONG, Browser, policy_in_force, quick
from tests.accounts import some_phone as a_phone
from tests.notifications import KEY_ID, SECRET, Certificates, MailBox, SmsService, certificates
from uploads_worker.context import Context
from uploads_worker.settings import WorkerSettings

BOTH = ("email", "sms")


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """A certificate authority that the worker is told to trust."""
    return certificates(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def mail(authority: Certificates) -> Iterator[MailBox]:
    """A mail server."""
    box = MailBox(authority).start()
    yield box
    box.stop()


@pytest.fixture
def sms(authority: Certificates) -> Iterator[SmsService]:
    """The SMS service."""
    service = SmsService(authority).start()
    yield service
    service.stop()


@pytest.fixture
def sending(
    worker_settings: WorkerSettings, authority: Certificates, mail: MailBox, sms: SmsService
) -> WorkerSettings:
    """The worker's settings with both channels on."""
    return dataclasses.replace(
        worker_settings,
        channels=BOTH,
        hotline="400-000-0000",
        smtp_host="127.0.0.1",
        smtp_port=mail.port,
        mail_from="no-reply@example.cn",
        sms_endpoint=f"https://127.0.0.1:{sms.port}",
        sms_access_key=KEY_ID,
        sms_secret_key=SECRET,
        sms_sign="启程报名",
        sms_templates="code=SMS_1,notice=SMS_2",
        message_ca=authority.ca,
        # Tests are about one number at a time, not about each other's.
        message_sms_per_hour=100_000,
    )


@pytest.fixture
def worker(sending: WorkerSettings) -> Iterator[Context]:
    """The worker, in this process."""
    opened = Context.open(sending)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def site(settings: Settings, web_engine: Engine) -> Flask:
    """The application with both channels on."""
    from heyan import create_app

    with Session(web_engine) as session:
        policy_in_force(session)
    return create_app(
        dataclasses.replace(quick(settings), channels=BOTH, message_sms_per_hour=100_000)
    )


@dataclasses.dataclass
class Reachable:
    """Somebody with an account, signed in, and their number as it was typed."""

    browser: Browser
    phone: str
    e164: str


@pytest.fixture
def somebody(site: Flask) -> Reachable:
    """An account without verified channels."""
    browser, phone = Browser(site), a_phone()
    assert browser.register(phone, LONG).status_code == 200
    assert browser.sign_in(phone, LONG).status_code == 303
    return Reachable(browser, phone, f"+86{phone}")
