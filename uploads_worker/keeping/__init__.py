"""Keeping and destroying: the rules behind each period, holds, the record of sweeps, backups."""
