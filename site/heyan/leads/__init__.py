"""Callback leads: the public form and the staff queue."""
