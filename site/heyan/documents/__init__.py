"""Identity documents: the upload, and what becomes of it (custody)."""
