"""Grants and approvals: who may see personal data, what for, for how long, by whose word."""
