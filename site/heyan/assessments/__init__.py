"""Impact assessments, the record of processing, and the yearly audit of minors' data."""
