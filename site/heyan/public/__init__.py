"""Open pages: home, contact, how custody works."""
