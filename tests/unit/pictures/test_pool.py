"""Decoder children die of their own picture and of nobody else's (C-05, C-13, SECURITY 8)."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from heyan.custody.images import (
    ImageRefused,
    Limits,
    Mark,
    Normalised,
    PictureSpec,
    _request,
    normalise,
)
from heyan.custody.pool import SITE, DecoderPool
from tests.pictures import corners, save

MARK = Mark("协会", "科创赛", "0001", "2026-11-24")
SOUND = save(corners(), "JPEG")


@pytest.fixture
def fragile() -> Iterator[DecoderPool]:
    """A pool that can be told to suffer."""
    made = DecoderPool(Limits(processes=2, wall_seconds=8, cpu_seconds=1), trials=True)
    made.warm()
    yield made
    made.close()


def suffer(pool: DecoderPool, trial: str) -> ImageRefused:
    """Have a child do what a broken decoder would, and return how the upload ends."""
    request: dict[str, Any] = {**_request("JPEG", PictureSpec(), MARK), "trial": trial}
    with pytest.raises(ImageRefused) as caught:
        head, _data = pool.run(request, SOUND)
        if "refused" in head:
            raise ImageRefused(*head["refused"])
    return caught.value


def sound(pool: DecoderPool) -> Normalised:
    """Take a picture that is well."""
    return normalise(SOUND, PictureSpec(), MARK, pool=pool)


@pytest.mark.parametrize(
    ("trial", "code"),
    [
        ("segfault", "decoder_failed"),
        ("loop", "too_complex"),
        ("sleep", "too_complex"),
        ("memory", "too_complex"),
    ],
)
def test_a_dying_decoder_costs_one_upload_while_others_go_on(
    fragile: DecoderPool, trial: str, code: str
) -> None:
    """C-05, SECURITY 8."""
    with ThreadPoolExecutor(5) as threads:
        dying = threads.submit(suffer, fragile, trial)
        others = [threads.submit(sound, fragile) for _one in range(4)]
        assert {one.result().width for one in others} == {1600}
        assert dying.result().code == code
    assert sound(fragile).width == 1600


def test_a_site_that_was_not_made_for_trials_takes_no_such_order(pool: DecoderPool) -> None:
    request = {**_request("JPEG", PictureSpec(), MARK), "trial": "segfault"}
    head, data = pool.run(request, SOUND)
    assert head["width"] == 1600
    assert data.startswith(b"\xff\xd8")


@pytest.mark.parametrize("trial", ["file", "network"])
def test_a_child_can_write_no_file(fragile: DecoderPool, trial: str) -> None:
    """C-13."""
    request = {**_request("JPEG", PictureSpec(), MARK), "trial": trial}
    with pytest.raises(ImageRefused):
        fragile.run(request, SOUND)
    left = Path("/tmp/heyan-decoder-trial")
    assert not left.exists() or left.stat().st_size == 0


def test_more_than_can_wait_are_told_so(fragile: DecoderPool) -> None:
    quick = DecoderPool(Limits(processes=1, wall_seconds=1, cpu_seconds=5), trials=True)
    try:
        sound(quick)
        with ThreadPoolExecutor(2) as threads:
            first = threads.submit(suffer, quick, "sleep")
            assert first.result().code == "too_complex"
            slow = threads.submit(suffer, quick, "sleep")
            _wait(lambda: quick._busy == 1)
            codes = {suffer(quick, "sleep").code, slow.result().code}
        assert "too_complex" in codes
    finally:
        quick.close()


def test_children_know_nothing_of_the_webs_environment(pool: DecoderPool) -> None:
    """SECURITY 8."""
    sound(pool)
    for pid in pool.pids():
        names = {
            line.split(b"=")[0] for line in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        }
        assert names <= {b"", b"LANG", b"LC_CTYPE", b"LD_LIBRARY_PATH"}


def test_children_dump_no_core_and_hold_no_file_of_the_web(pool: DecoderPool) -> None:
    """C-13, SECURITY 8."""
    sound(pool)
    for pid in pool.pids():
        limits = Path(f"/proc/{pid}/limits").read_text()
        core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
        assert core.split()[4:6] == ["0", "0"]
        held = {str(one.readlink()) for one in Path(f"/proc/{pid}/fd").iterdir()}
        assert all(one.startswith(("socket:", "/dev/null")) for one in held), held


def test_children_end_when_the_web_is_killed() -> None:
    script = (
        f"import sys; sys.path.insert(0, {str(SITE)!r})\n"
        "from heyan.custody.images import Limits\n"
        "from heyan.custody.pool import DecoderPool\n"
        "import time\n"
        "pool = DecoderPool(Limits(processes=1)); pool.warm()\n"
        "while not pool._idle: time.sleep(0.01)\n"
        "print(pool.pids()[0], flush=True)\n"
        "time.sleep(60)\n"
    )
    web = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert web.stdout is not None
    child = int(web.stdout.readline())
    web.kill()
    web.communicate()
    _wait(lambda: not _alive(child))


def _alive(pid: int) -> bool:
    try:
        return "zombie" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def _wait(condition: Any, seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)
