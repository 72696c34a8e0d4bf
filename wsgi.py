"""Entry of the web process: ``granian wsgi:app``, and ``flask --app wsgi …`` for operators."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "site"))

from heyan import create_app
from heyan.accounts.demo import refuse_demo
from heyan.settings import Settings, SettingsError

try:
    settings = Settings.from_env()
    app = create_app(settings)
    if settings.production:
        with app.extensions["heyan"].sessions() as session:
            refuse_demo(session)
except SettingsError as refused:
    # Names and reasons, never values; a trace would bury them.
    raise SystemExit(str(refused)) from None

# What is here now stays: looking for what may go (after an ID number, for one) passes it over.
gc.collect()
gc.freeze()
