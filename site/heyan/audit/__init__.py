"""The audit trail: entries written in the act's own transaction, chained later."""
