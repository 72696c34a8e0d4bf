"""Registrations: a student's way into an event, from draft to receipt."""
