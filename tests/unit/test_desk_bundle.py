"""The desk's scripts: their digest list, and that the vendored ones match their rebuild."""

from __future__ import annotations

import filecmp
import hashlib
import shutil
import subprocess
from pathlib import Path

from heyan.releases.bundle import desk_bundle_digest

STATIC = Path(__file__).parents[2] / "static"


def test_the_digest_list_names_every_script() -> None:
    bundle = desk_bundle_digest(STATIC)
    paths = [one["path"] for one in bundle["files"]]
    assert paths == sorted(paths)
    assert "js/organizer/release.js" in paths
    assert "vendor/age-encryption/age.js" in paths
    for one in bundle["files"]:
        data = (STATIC / one["path"]).read_bytes()
        assert one["sha256"] == hashlib.sha256(data).hexdigest()


def test_vendored_scripts_match_their_rebuild(tmp_path: Path) -> None:
    node = shutil.which("node")
    if node is None:  # Only a machine with Node can compare.
        return
    rebuild = [node, str(STATIC / "vendor/rebuild.mjs"), str(tmp_path)]
    subprocess.run(rebuild, check=True, timeout=120)
    kept = STATIC / "vendor/age-encryption"
    names = sorted(path.name for path in kept.iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert filecmp.cmpfiles(kept, tmp_path, names, shallow=False) == (names, [], [])
