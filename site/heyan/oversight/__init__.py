"""Watching over those who watch: alerts on staff, reports, findings, internal rules, training."""
