"""Settings: typed, documented, and every reason not to start named at once (C-69, H1, I1)."""

from __future__ import annotations

import base64
import dataclasses
import os
import secrets
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.local.settings_table import table
from heyan.access import Realm
from heyan.environment import SettingsError, declarations
from heyan.settings import Settings
from uploads_worker import unlocking
from uploads_worker.keyring import KeyringLocked
from uploads_worker.settings import WorkerSettings


def key32() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def local() -> dict[str, str]:
    return {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "PASSWORD_PEPPER": secrets.token_urlsafe(48),
        "CONTACT_KEYS": f"k2:{key32()},k1:{key32()}",
        "INDEX_KEY": key32(),
        "DATABASE_URL": "postgresql://heyan_web:word@127.0.0.1:5432/heyan",
        "S3_ENDPOINT": "http://127.0.0.1:8333",
        "S3_ACCESS_KEY": "web",
        "S3_SECRET_KEY": secrets.token_urlsafe(32),
        "ROOT_PUBLIC_KEY": key32(),
    }


def production() -> dict[str, str]:
    return local() | {
        "HEYAN_ENV": "production",
        "BASE_URL": "https://bm.example.cn/",
        "DATABASE_URL": "postgresql://heyan_web:w@db.internal/heyan?sslmode=verify-full",
        "S3_ENDPOINT": "https://oss-cn-hangzhou-internal.aliyuncs.com",
        "S3_REGION": "cn-hangzhou",
        "HEYAN_REGION": "cn-hangzhou",
        "COMPANY_NAME": "某某教育科技有限公司",
        "COMPANY_ADDRESS": "杭州市西湖区",
        "HOTLINE": "400-000-0000",
        "HOTLINE_HOURS": "9:00 至 18:00",
        "CONTACT_EMAIL": "privacy@example.cn",
        "ICP_NUMBER": "浙ICP备00000000号",
        "POLICE_NUMBER": "浙公网安备 00000000000000 号",
        "PRIVACY_OFFICER": "王某",
        "PRIVACY_CONTACT": "privacy@example.cn",
        "COURT": "杭州市西湖区人民法院",
        "HOSTING_PLACES": "杭州, 上海",
        "STAFF_NETWORKS": "203.0.113.0/24",
        "ORGANIZER_NETWORKS": "0.0.0.0/0,::/0",
    }


def faults_of(environ: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as raised:
        Settings.from_env(environ)
    return raised.value.faults


def test_a_local_site_starts_with_its_generated_secrets_alone() -> None:
    settings = Settings.from_env(local())
    assert not settings.production
    assert not settings.secure_cookies
    assert settings.surfaces == ("public", "organizer", "staff")
    assert len(settings.root_public_key) == 32
    assert settings.max_upload_bytes == 30 * 1024 * 1024


def test_a_complete_production_site_starts() -> None:
    settings = Settings.from_env(production())
    assert settings.production
    assert settings.secure_cookies
    assert settings.base_url == "https://bm.example.cn"
    assert settings.trusted_hosts == ["bm.example.cn"]
    assert settings.hosting_places == ("杭州", "上海")


def test_every_missing_variable_is_named_at_once() -> None:
    """C-69, SECURITY 18."""
    faults = faults_of({"HEYAN_ENV": "production"})
    text = "\n".join(faults)
    for _item, declared in declarations(Settings):
        needed = _item.default is dataclasses.MISSING or declared.production
        assert (f"{declared.name} is missing" in text) is needed, declared.name


def test_a_process_that_serves_no_work_accounts_needs_no_networks_of_theirs() -> None:
    """S-077: asked only of whoever opens that door."""
    environ = production() | {"HEYAN_SURFACES": "public"}
    del environ["STAFF_NETWORKS"], environ["ORGANIZER_NETWORKS"]
    assert Settings.from_env(environ).surfaces == ("public",)


def test_absence_and_danger_are_reported_together() -> None:
    environ = production() | {"BASE_URL": "http://bm.example.cn", "HEYAN_DEMO": "1"}
    del environ["SECRET_KEY"]
    faults = "\n".join(faults_of(environ))
    assert "SECRET_KEY is missing" in faults
    assert "BASE_URL must be https" in faults
    assert "HEYAN_DEMO must be off" in faults


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SECRET_KEY", "change-me-change-me-change-me-change-me", "SECRET_KEY must be random"),
        ("SECRET_KEY", "a" * 64, "SECRET_KEY must be random"),
        ("SECRET_KEY", "short", "SECRET_KEY must have 32"),
        ("PASSWORD_PEPPER", "0" * 40, "PASSWORD_PEPPER must be random"),
        ("INDEX_KEY", base64.b64encode(bytes(32)).decode(), "INDEX_KEY must be random"),
        ("S3_SECRET_KEY", "minioadmin", "S3_SECRET_KEY must be random"),
        ("S3_SECRET_KEY", "a" * 40, "S3_SECRET_KEY must be random"),
        ("BASE_URL", "http://bm.example.cn", "BASE_URL must be https"),
        ("DATABASE_URL", "postgresql://a:b@db/heyan", "DATABASE_URL must say sslmode=verify-full"),
        (
            "DATABASE_URL",
            "postgresql://a:b@db/heyan?sslmode=require",
            "DATABASE_URL must say sslmode=verify-full",
        ),
        ("S3_ENDPOINT", "http://oss-cn-hangzhou.aliyuncs.com", "S3_ENDPOINT must be https"),
        ("S3_ENDPOINT", "https://s3.us-east-1.amazonaws.com", "S3_ENDPOINT is not on the allow"),
        ("S3_ENDPOINT", "https://oss-cn-beijing.aliyuncs.com", "S3_ENDPOINT is not on the allow"),
        ("S3_REGION", "us-east-1", "S3_REGION is not the region"),
        ("HEYAN_REGION", "us-east-1", "HEYAN_REGION is not among"),
        ("HEYAN_REGION", "cn-hongkong", "HEYAN_REGION is not among"),
        ("HEYAN_REGION", "local", "HEYAN_REGION is not among"),
        ("HEYAN_CLOCK_OFFSET", "60", "HEYAN_CLOCK_OFFSET must be absent"),
        ("HEYAN_DEMO", "true", "HEYAN_DEMO must be off"),
        ("FLASK_DEBUG", "1", "FLASK_DEBUG must be off"),
        ("PRIVACY_OFFICER", "", "PRIVACY_OFFICER is missing"),
        ("ICP_NUMBER", "", "ICP_NUMBER is missing"),
        ("STAFF_NETWORKS", "", "STAFF_NETWORKS must name the networks"),
        ("ORGANIZER_NETWORKS", "", "ORGANIZER_NETWORKS must name the networks"),
    ],
)
def test_production_refuses(name: str, value: str, said: str) -> None:
    """C-69, SECURITY 18, H1."""
    assert any(fault.startswith(said) for fault in faults_of(production() | {name: value}))


def test_one_secret_may_not_serve_two_ends() -> None:
    """C-69, SECURITY 18."""
    environ = production()
    environ["PASSWORD_PEPPER"] = environ["SECRET_KEY"]
    assert "PASSWORD_PEPPER must differ from SECRET_KEY" in faults_of(environ)


def test_an_own_object_store_is_allowed_by_name() -> None:
    """H1."""
    environ = production() | {
        "S3_ENDPOINT": "https://s3.dc1.example.cn",
        "S3_ALLOWED_ENDPOINTS": "s3.dc1.example.cn",
    }
    assert Settings.from_env(environ).s3_endpoint == "https://s3.dc1.example.cn"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CONTACT_KEYS", "k1:short"),
        ("CONTACT_KEYS", "k1:" + base64.b64encode(b"x" * 31).decode()),
        ("ROOT_PUBLIC_KEY", "???"),
        ("HEYAN_SURFACES", "public,admin"),
        ("MAX_UPLOAD_BYTES", "many"),
        ("STEP_UP_SECONDS", "601"),
        ("HEYAN_ENV", "staging"),
        ("DATABASE_URL", "mysql://a:b@c/d"),
        ("POLICY_EFFECTIVE", "tomorrow"),
    ],
)
def test_what_cannot_be_read_is_refused_without_quoting_it(name: str, value: str) -> None:
    faults = faults_of(local() | {name: value})
    assert [fault for fault in faults if fault.startswith(f"{name} cannot be read")]
    assert value not in "\n".join(faults) or name == "HEYAN_ENV"


def test_a_twice_used_contact_key_id_is_refused() -> None:
    key = key32()
    faults = faults_of(local() | {"CONTACT_KEYS": f"k1:{key},k1:{key}"})
    assert key not in "\n".join(faults)


def test_no_secret_stands_in_the_repr() -> None:
    """C-67."""
    environ = production()
    shown = repr(Settings.from_env(environ))
    for _item, declared in declarations(Settings):
        if declared.secret:
            assert environ[declared.name] not in shown


def test_every_setting_is_documented_and_named_once() -> None:
    for kind in (Settings, WorkerSettings):
        found = declarations(kind)
        assert all(declared.doc for _item, declared in found)
        assert len({declared.name for _item, declared in found}) == len(found)


def test_sessions_end_as_the_table_of_numbers_says() -> None:
    settings = Settings.from_env(local())
    hours = {
        Realm.PUBLIC: (timedelta(minutes=60), timedelta(hours=24), 5),
        Realm.ORGANIZER: (timedelta(minutes=30), timedelta(hours=12), 3),
        Realm.STAFF: (timedelta(minutes=15), timedelta(hours=8), 2),
    }
    for realm, (idle, absolute, at_once) in hours.items():
        assert settings.session_limits(realm) == (idle, absolute)
        assert settings.concurrent_sessions(realm) == at_once


def test_the_worker_refuses_to_start_unsafely_too() -> None:
    """C-69, SECURITY 18."""
    environ = production() | {
        "WORKER_DATABASE_URL": "postgresql://w:p@db/heyan?sslmode=prefer",
        "WORKER_S3_SECRET_KEY": "change-me-change-me",
        "KEYRING": "/srv/keyring",
    }
    with pytest.raises(SettingsError) as raised:
        WorkerSettings.from_env(environ)
    said = "\n".join(raised.value.faults)
    assert "WORKER_DATABASE_URL must say sslmode=verify-full" in said
    assert "WORKER_S3_ACCESS_KEY is missing" in said
    assert "WORKER_S3_SECRET_KEY must be random" in said
    assert "AUDIT_ANCHORS is missing" in said


@pytest.mark.parametrize("word", ["change-me", "a" * 40, "hunter2 hunter2"])
def test_a_keyring_is_not_opened_by_a_word_that_can_be_guessed(word: str) -> None:
    """C-69, C-23, SECURITY 18: in production, whether it is made or opened; KMS hooks aside."""
    found = WorkerSettings(**{**_worker(), "env": "production", "keyring_passphrase": word})
    with pytest.raises(KeyringLocked, match="KEYRING_PASSPHRASE"):
        unlocking.secret(found, interactive=False)
    kept = WorkerSettings(**{**_worker(), "env": "local", "keyring_passphrase": word})
    assert unlocking.secret(kept, interactive=False) == word


def _worker() -> dict[str, Any]:
    environ = production() | {
        "HEYAN_ENV": "",
        "WORKER_DATABASE_URL": "postgresql://w:p@db/heyan",
        "WORKER_S3_ACCESS_KEY": "worker",
        "WORKER_S3_SECRET_KEY": secrets.token_urlsafe(32),
        "KEYRING": "/srv/keyring",
        "AUDIT_ANCHORS": "/srv/anchors",
    }
    found = WorkerSettings.from_env(environ)
    return {item.name: getattr(found, item.name) for item in dataclasses.fields(found)}


def test_web_and_worker_share_no_credential() -> None:
    """C-70, SECURITY 16."""
    web = {d.name for _i, d in declarations(Settings) if d.secret}
    worker = {d.name for _i, d in declarations(WorkerSettings) if d.secret}
    assert web & worker == {"CONTACT_KEYS", "INDEX_KEY"}


ROOT = Path(__file__).resolve().parents[2]


def test_the_page_of_settings_says_what_the_declarations_say() -> None:
    """Renew it with ``python -m deploy.local.settings_table > docs/settings.md``."""
    assert (ROOT / "docs" / "settings.md").read_text("utf-8") == table()


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"HEYAN_ENV": "production"}, "SECRET_KEY is missing"),
        (production() | {"HEYAN_DEMO": "1"}, "HEYAN_DEMO must be off in production"),
        (production() | {"BASE_URL": "http://bm.example.cn"}, "BASE_URL must be https"),
        (production() | {"HEYAN_REGION": "us-east-1"}, "HEYAN_REGION is not among the regions"),
    ],
)
def test_the_web_process_itself_names_what_is_wrong_and_does_not_start(
    environ: dict[str, str], said: str
) -> None:
    """SECURITY 18, C-69, H1, I1: without a trace of the code, and without quoting a value."""
    kept = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-c", "import wsgi"],
        cwd=ROOT,
        env=kept | environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    for name in ("SECRET_KEY", "DATABASE_URL"):
        assert name not in environ or environ[name] not in done.stderr
