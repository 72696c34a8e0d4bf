"""The verbs of assistance for other features: who is frozen, and what waits.

Opening accounts stands in `opening`, codes and freezes in `recovery`, slow changes in `changes`.
"""

from __future__ import annotations

from heyan.assistance.changes import waiting_count as changes_waiting
from heyan.assistance.recovery import freeze, frozen

__all__ = ["changes_waiting", "freeze", "frozen"]
