"""Accounts opened by the company, and getting back in by possession (B3, B4)."""
