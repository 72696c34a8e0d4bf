"""Students bound to an account."""
