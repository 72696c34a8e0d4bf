"""How the site is put on machines: engines, supervisor, demo data."""
