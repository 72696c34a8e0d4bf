"""Agreements with organizers and providers: without a valid one nothing is handed over (K2, K3)."""
