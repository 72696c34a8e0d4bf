"""What visitors look at, counted only with their consent and without knowing who they are."""
