"""Decisions: what the organizer found, drafted, published and shown."""
