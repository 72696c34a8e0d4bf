"""Releases: batches for an organizer, their recipients and their hand-over."""
