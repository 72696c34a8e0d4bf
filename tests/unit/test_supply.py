"""What comes from others: locked, named, licensed, and listed for whoever has to check it."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from deploy.local import licences

ROOT = Path(__file__).parents[2]
LOCKS = ("requirements.txt", "requirements-dev.txt")
KNOWN = re.compile(r"MIT|BSD|Apache|LGPL|PSF|MPL|ISC")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def lines_of(lock: str) -> list[str]:
    """The lock's requirements, each in one line without comments."""
    whole = (ROOT / lock).read_text("utf-8").replace("\\\n", " ")
    return [line for line in whole.splitlines() if line and not line.lstrip().startswith("#")]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_locked_by_version_and_hash(lock: str) -> None:
    """SECURITY 53: nothing from an address, a folder or another index."""
    for line in lines_of(lock):
        assert re.match(r"[a-z0-9][a-z0-9._-]*(\[[a-z,]+\])?==\S+ ", line), line
        assert HASH.search(line), line
        assert "://" not in line, line


def test_what_runs_is_what_is_locked() -> None:
    """SECURITY 53, C-02: the picture library among it, new enough."""
    for name, versions in licences.locked().items():
        assert metadata.version(name) in versions, name
    (pillow,) = licences.locked()["pillow"]
    assert tuple(map(int, pillow.split(".")[:2])) >= (12, 3)


def test_every_licence_is_listed_and_known() -> None:
    """SECURITY 53; renew with ``python -m deploy.local.licences > docs/licences.md``."""
    assert licences.page() == (ROOT / "docs/licences.md").read_text("utf-8")
    for name in licences.locked():
        assert KNOWN.search(licences.licence(name)), name


def test_the_bill_of_materials_names_every_package_with_its_digests(tmp_path: Path) -> None:
    """SECURITY 53: CycloneDX, as ``./dev sbom`` writes it."""
    out = tmp_path / "sbom.json"
    command = [
        *(sys.executable, "-W", "ignore", "-m", "cyclonedx_py", "requirements"),
        *("requirements.txt", "--pyproject", "pyproject.toml", "--output-reproducible"),
        *("-o", str(out)),
    ]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    made = json.loads(out.read_text("utf-8"))
    assert made["bomFormat"] == "CycloneDX"
    listed = {(one["name"], one["version"]) for one in made["components"]}
    locked = licences.locked()
    assert listed == {(name, version) for name in locked for version in locked[name]}
    for one in made["components"]:
        digests = [digest for where in one["externalReferences"] for digest in where["hashes"]]
        assert digests, one["name"]
        assert {digest["alg"] for digest in digests} == {"SHA-256"}


DIGESTS = re.compile(r"(^|_)(digest|mac|hmac|hash|signature|hexdigest)$")
# Of what everybody may read: the texts of the policies, the links of the audit chain.
OPEN_DIGESTS = [
    "site/heyan/policies/drafts.py: before.content_sha256 == digest",
    "site/heyan/policies/service.py: found.content_sha256 == content_digest(content)",
    "uploads_worker/audit_chain.py: link_hash(prev, entry) != bytes(link.hash)",
]


def _name(node: ast.expr) -> str:
    """What a side of a comparison is called; a column of a query, which no clock sees, is not."""
    while isinstance(node, ast.Call):
        wrapped = isinstance(node.func, ast.Name) and node.func.id == "bytes" and node.args
        node = node.args[0] if wrapped else node.func
    if isinstance(node, ast.Attribute):
        of = node.value
        return "column" if isinstance(of, ast.Name) and of.id[0].isupper() else node.attr
    return node.id if isinstance(node, ast.Name) else ""


def test_digests_are_compared_in_constant_time_everywhere() -> None:
    """C-22: compare_digest, in web and worker, wherever a digest or a signature is looked at."""
    plain = []
    for path in [*(ROOT / "site").rglob("*.py"), *(ROOT / "uploads_worker").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Eq | ast.NotEq):
                continue
            names = [_name(side) for side in (node.left, *node.comparators)]
            if "column" not in names and any(DIGESTS.search(name) for name in names):
                plain.append(f"{path.relative_to(ROOT).as_posix()}: {ast.unparse(node)}")
    assert sorted(plain) == OPEN_DIGESTS


def test_chance_comes_from_the_system_alone() -> None:
    """C-21: at least 128 bits in what is secret; no UUID is one, and no guessable generator."""
    weak, short = [], []
    for path in [*(ROOT / "site").rglob("*.py"), *(ROOT / "uploads_worker").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {one.name for one in node.names} | {getattr(node, "module", None)}
                if names & {"random", "uuid1", "uuid4"}:
                    weak.append(f"{path}:{node.lineno}")
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("token_urlsafe", "token_bytes", "token_hex")
            ):
                size = node.args[0] if node.args else None
                if isinstance(size, ast.Constant) and size.value < 16:
                    short.append(f"{path.relative_to(ROOT)}: {node.func.attr}({size.value})")
    assert weak == []
    # What is no secret: numbers to quote, salts and nonces that only must not repeat, file names.
    assert sorted(short) == [
        "site/heyan/csrf.py: token_hex(8)",
        "site/heyan/guard.py: token_hex(8)",
        "site/heyan/leads/proof.py: token_hex(12)",
        "uploads_worker/keyring_file.py: token_bytes(12)",
        "uploads_worker/keyring_file.py: token_hex(4)",
        "uploads_worker/keyring_file.py: token_hex(8)",
    ]
