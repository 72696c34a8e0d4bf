"""Entry of the web process: ``granian wsgi:app``, and ``flask --app wsgi …`` for operators."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "site"))

from heyan import create_app
from heyan.settings import Settings

app = create_app(Settings.from_env())
