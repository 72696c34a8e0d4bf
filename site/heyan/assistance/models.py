"""Tables of accounts opened by the company and of assisted resets."""
