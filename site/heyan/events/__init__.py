"""Events: what one can register for, their fields, document kinds and vault keys."""
