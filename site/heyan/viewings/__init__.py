"""Releases to one person of staff: their key, what was opened for them, and its end."""
