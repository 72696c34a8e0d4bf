"""Policy and agreement versions, and the pages that show them."""
