"""Fraud and safety: flags with a reason, and people who decide on them (C6, S-027, L-14)."""
