"""Releases: batches of opened documents, encrypted to the organizer's pinned key.

Pictures are opened here, in memory, and leave only as an age file for pinned recipients.
"""

from __future__ import annotations

from uploads_worker.releases.building import KeepsChanging, build_release
from uploads_worker.releases.due import due_releases, expire_releases, remind

__all__ = ["KeepsChanging", "build_release", "due_releases", "expire_releases", "remind"]
