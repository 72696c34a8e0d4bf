"""Runs `deploy.local.demo.seed` with web's and worker's settings and prints what it returns."""

from __future__ import annotations

import json
import sys
from importlib import import_module

from heyan.settings import Settings
from uploads_worker.settings import WorkerSettings


def main() -> int:
    """Seed the site that the environment describes; the last line printed is the result."""
    settings, worker = Settings.from_env(), WorkerSettings.from_env()
    demo = import_module("deploy.local.demo")
    print(json.dumps(demo.seed(settings, worker, settings.home), ensure_ascii=False, default=str))
    return 0


if __name__ == "__main__":
    sys.exit(main())
