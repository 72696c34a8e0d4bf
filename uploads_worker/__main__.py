"""``python -m uploads_worker``: the operator's commands on the worker's host."""

from __future__ import annotations

import sys

from heyan.environment import SettingsError
from uploads_worker.cli import main
from uploads_worker.keyring import KeyringError

if __name__ == "__main__":
    try:
        sys.exit(main())
    except (SettingsError, KeyringError) as error:
        print(f"refused: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
