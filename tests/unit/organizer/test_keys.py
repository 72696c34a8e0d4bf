"""An organizer's keys without JavaScript: proposed, proven, ended; private halves refused."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import timedelta

import pyrage
import pytest

from heyan.access import Role
from heyan.releases import recipients
from heyan.releases.fingerprint import key_fingerprint, recipient_fingerprint
from heyan.settings import Settings
from tests.conftest import Clock
from tests.organizer import Member, batch
from tests.releases import Batches, Organizer

NEW = "/organizer/keys/new"


@pytest.fixture
def owner(organizer: Organizer, enter: Callable[..., Member]) -> Member:
    return enter(organizer)


def _propose(owner: Member, purpose: str = "primary") -> tuple[pyrage.x25519.Identity, str]:
    identity = pyrage.x25519.Identity.generate()
    sent = owner.post(NEW, recipient=str(identity.to_public()), purpose=purpose)
    assert sent.status_code == 303
    return identity, sent.headers["Location"].removesuffix("/prove")


def test_a_key_made_by_command_line_is_proposed_and_proven(owner: Member) -> None:
    """L1, L4."""
    identity, path = _propose(owner)
    assert recipient_fingerprint(str(identity.to_public())) in owner.get(path).text
    sealed = owner.get(f"{path}/challenge")
    assert sealed.headers["Content-Disposition"] == 'attachment; filename="challenge.age"'
    proof = pyrage.decrypt(sealed.data, [identity]).hex()
    wrong = owner.post(f"{path}/prove", proof="0" * 64)
    assert wrong.status_code == 422
    assert owner.post(f"{path}/prove", proof=f"{proof[:32]} {proof[32:]}\n").status_code == 303
    assert "等待电话核对指纹" in owner.get(path).text
    assert owner.get(f"{path}/challenge").status_code == 404
    assert owner.get(f"{path}/prove").status_code == 303


def test_a_challenge_lasts_an_hour_and_a_fresh_one_is_given(
    batches: Batches,
    owner: Member,
    enter: Callable[..., Member],
    organizer: Organizer,
    clock: Clock,
) -> None:
    """L4."""
    identity, path = _propose(owner)
    old = pyrage.decrypt(owner.get(f"{path}/challenge").data, [identity]).hex()
    clock.move(timedelta(minutes=61))
    later = enter(organizer)
    assert later.post(f"{path}/prove", proof=old).status_code == 422
    fresh = pyrage.decrypt(later.get(f"{path}/challenge").data, [identity]).hex()
    assert fresh != old
    assert later.post(f"{path}/prove", proof=fresh).status_code == 303


def test_a_private_key_is_refused_and_not_shown_again(owner: Member) -> None:
    """DESIGN 2: the private half was never here."""
    secret = str(pyrage.x25519.Identity.generate())
    refused = owner.post(NEW, recipient=secret, purpose="primary")
    assert refused.status_code == 422
    assert secret not in refused.text
    assert "这是私钥" in refused.text
    for bad in ("age1nonsense", "", "ssh-ed25519 AAAA"):
        assert owner.post(NEW, recipient=bad, purpose="primary").status_code == 422
    assert owner.post(NEW, recipient="x", purpose="admin").status_code == 422


def test_a_key_is_never_used_twice(
    owner: Member, enter: Callable[..., Member], batches: Batches
) -> None:
    """L4."""
    identity, _path = _propose(owner)
    again = enter(batches.organizer()).post(
        NEW, recipient=str(identity.to_public()), purpose="primary"
    )
    assert again.status_code == 422


def test_key_changes_need_a_second_factor_a_moment_ago(
    organizer: Organizer, enter: Callable[..., Member], owner: Member
) -> None:
    """C-45: step-up before key changes."""
    _identity, path = _propose(owner)
    cold = enter(organizer, step_up=False)
    token = cold.get("/organizer/releases")
    assert token.status_code == 200
    for page in (NEW, f"{path}/prove", f"{path}/revoke"):
        sent = cold.get(page)
        assert sent.status_code == 302
        assert "/account/step-up" in sent.headers["Location"] or "step" in sent.headers["Location"]
        assert cold.client.post(page).status_code == 403


def test_a_member_who_is_no_owner_sees_no_keys_and_no_members(
    organizer: Organizer, enter: Callable[..., Member]
) -> None:
    """SECURITY 27."""
    plain = enter(organizer, Role.ORGANIZER_MEMBER)
    for page in ("/organizer/keys", NEW, "/organizer/members", "/organizer/members/invite"):
        assert plain.get(page).status_code == 403
    for page in ("/organizer", "/organizer/releases"):
        assert plain.get(page).status_code == 200


def test_another_organizers_key_is_not_found(
    owner: Member, enter: Callable[..., Member], batches: Batches
) -> None:
    """SECURITY 28, C-49."""
    identity, path = _propose(owner)
    stranger = enter(batches.organizer())
    for page in ("", "/prove", "/challenge", "/revoke"):
        assert stranger.get(path + page).status_code == 404
    proof = pyrage.decrypt(owner.get(f"{path}/challenge").data, [identity]).hex()
    assert stranger.post(f"{path}/prove", page=NEW, proof=proof).status_code == 404
    assert stranger.post(f"{path}/revoke", page=NEW, reason="lost").status_code == 404
    assert "待证明能打开" in owner.get(path).text


def test_a_key_in_use_is_ended_by_its_owner(owner: Member, organizer: Organizer) -> None:
    """L4: lost or leaked keys are ended; the root to pin stands on the page."""
    page = owner.get("/organizer/keys").text
    path = re.findall(r"/organizer/keys/[0-9a-f-]{36}", page)[0]
    assert owner.post(f"{path}/revoke").status_code == 422
    assert owner.post(f"{path}/revoke", reason="lost").status_code == 303
    assert "已停用" in owner.get("/organizer/keys").text
    assert "先设置密钥" in owner.get("/organizer").text


def test_what_a_leaked_key_can_open_leaves_no_more(
    batches: Batches, organizer: Organizer, owner: Member
) -> None:
    """L4: said to be leaked, its batches stop at once; a key that is only lost stops nothing."""
    release, _people = batch(batches, organizer, ("王小满",))
    address = f"/organizer/releases/{release.id}"
    parts = ("file", "manifest", "desk")
    assert [owner.get(f"{address}/{part}").status_code for part in parts] == [200, 200, 200]
    path = re.findall(r"/organizer/keys/[0-9a-f-]{36}", owner.get("/organizer/keys").text)[0]
    assert owner.post(f"{path}/revoke", reason="leaked").status_code == 303
    assert [owner.get(f"{address}/{part}").status_code for part in parts] == [403, 403, 403]
    assert "可能已经泄露" in owner.get(f"{address}/file").text
    with batches.session() as session:
        assert recipients.leaked_releases(session) >= 1
    [row] = batches.rows(
        "SELECT count(*) FROM audit_entries WHERE action = 'recipients.revoke'"
        " AND outcome = 'alert' AND actor_id = :a",
        a=owner.account_id,
    )
    assert row == (1,)


def test_the_root_to_pin_is_shown(owner: Member, settings: Settings) -> None:
    """Q7."""
    text = owner.get("/organizer/keys").text
    assert key_fingerprint(settings.root_public_key) in text
    assert base64.b64encode(settings.root_public_key).decode().replace(
        "+", "&#43;"
    ) in text.replace("+", "&#43;")


def test_the_desks_pages_may_talk_to_nobody_and_list_their_scripts(owner: Member) -> None:
    """C-79, Q8: connect-src 'self'; the scripts' digests are public."""
    policy = owner.get(NEW).headers["Content-Security-Policy"]
    assert "connect-src 'self'" in policy
    assert "report-uri" not in policy
    assert "unsafe" not in policy
    listed = owner.app.test_client().get("/organizer/desk-bundle.json").json
    assert "js/organizer/desk.js" in [one["path"] for one in listed["files"]]
