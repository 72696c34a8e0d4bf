"""What a person downloads from the custody page, and checks with the tool that the site offers."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path

from tests.enrolment import Person, World, words_of
from tests.worker import root_text, verify
from uploads_worker import receipts, vault
from uploads_worker.context import Context


def pin(world: World, organization_id: uuid.UUID) -> None:
    """Let the organizer have a key in use."""
    with world.owner.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO recipients (id, organization_id, recipient, purpose, status, proposed_by,"
            " proposed_at, pinned_at) SELECT gen_random_uuid(), %s, %s, 'primary', 'pinned',"
            " accounts.id, now(), now() FROM accounts LIMIT 1",
            (organization_id, f"age1{uuid.uuid4().hex}"),
        )


def test_the_downloaded_receipts_verify_all_together_and_each_alone(
    world: World, context: Context, person: Person, tmp_path: Path
) -> None:
    """C3: the page says what comes next and by when; its downloads hold with the site's tool."""
    event = world.event(with_key=False)
    vault.provision(context, event.id)
    _registration, document = person.submitted(event.slug)
    receipts.sign_lately(context)
    page = person.get(f"/documents/{document}")
    assert "对方还没有启用收件的钥匙" in words_of(page)
    pin(world, event.organization_id)
    assert "预计最晚编好" in words_of(person.get(f"/documents/{document}"))
    steps = re.findall(rf"/documents/{document}/receipts\?step=[0-9a-f-]{{36}}", page.text)
    assert len(steps) == 2
    whole = tmp_path / "all.json"
    whole.write_bytes(person.get(f"/documents/{document}/receipts").data)
    code, said = verify("--root", root_text(context), "receipt", whole)
    assert (code, said.count(document)) == (0, 2), said
    for at, address in enumerate(steps):
        answer = person.get(address)
        one = tmp_path / f"{at}.json"
        one.write_bytes(answer.data)
        assert ("received", "sealed")[at] in answer.headers["Content-Disposition"]
        code, said = verify("--root", root_text(context), "receipt", one)
        assert (code, said.count(document)) == (0, 1)
    changed = json.loads(whole.read_text())
    envelope = changed["receipts"][0]["envelope"]
    envelope["payload"] = envelope["payload"][:-4] + "AAAA"
    whole.write_text(json.dumps(changed))
    assert verify("--root", root_text(context), "receipt", whole)[0] == 1
    assert person.get(f"/documents/{document}/receipts?step={document}").status_code == 404
    told = world.app.test_client().get("/privacy/custody").text
    assert root_text(context) in told
    assert "/tools/heyan_verify.py" in told
