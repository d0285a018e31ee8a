"""A run to numbers."""
