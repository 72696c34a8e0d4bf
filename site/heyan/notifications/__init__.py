"""In-site notices to account holders."""
