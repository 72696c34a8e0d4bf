"""Organizers: who they are and who may act for them."""
