"""Lists of contact data for one person of the staff: asked for, approved, sealed, counted."""
