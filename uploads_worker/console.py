"""What the commands of the worker's host print."""

from __future__ import annotations

import sys


def say(*words: object) -> None:
    """Print to the operator."""
    sys.stdout.write(" ".join(str(word) for word in words) + "\n")
    sys.stdout.flush()
