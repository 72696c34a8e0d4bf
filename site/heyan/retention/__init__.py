"""Keeping: legal holds, the record of sweeps, the legal archive and authorities' orders."""
