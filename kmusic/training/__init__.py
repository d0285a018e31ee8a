"""Recipe and tracks to a run folder."""
