"""The inventory of cryptography: which suites the code knows, which keys are there (C-20)."""

from __future__ import annotations

from typing import Any

from heyan.custody import signing
from heyan.custody.sealing import SUITES
from uploads_worker import keyring_file
from uploads_worker.keeping import backup
from uploads_worker.keyring import Keyring
from uploads_worker.opening import PRIVATE_SUITES

SIGNATURE = "Ed25519 (DSSE v1)"
RELEASE = "age v1 (X25519, ChaCha20-Poly1305)"
SIGNED = {
    backup.MANIFEST_TYPE,
    *(value for name, value in vars(signing).items() if name.endswith("_TYPE")),
}


def inventory(keyring: Keyring) -> dict[str, Any]:
    """Return suites and keys, with ids and states and without any key."""
    strong = keyring_file.STRONG
    return {
        "format": "heyan-inventory/1",
        "sealing": [
            {"number": suite.number, "name": suite.name, "opens": suite.number in PRIVATE_SUITES}
            for suite in SUITES.values()
        ],
        "releases": RELEASE,
        "signatures": {
            "name": SIGNATURE,
            "types": sorted(SIGNED),
        },
        "keyring": {
            "format": keyring_file.FORMAT,
            "cipher": keyring_file.CIPHER,
            "kdf": f"argon2id m={strong.memory_kib}KiB t={strong.passes} p={strong.lanes}",
        },
        "root": signing.key_id(keyring.root.public_key()),
        "earlier_roots": [signing.key_id(one) for one in keyring.earlier_roots],
        "vault_keys": [
            {
                "key_id": one.key_id,
                "event_id": str(one.event_id),
                "version": one.version,
                "suite": one.suite,
                "status": one.status,
            }
            for one in keyring.vault_keys()
        ],
        "copies": len(keyring.copies()),
    }
