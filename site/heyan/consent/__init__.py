"""The consent ledger and the question every processing asks of it."""
