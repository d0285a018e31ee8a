"""A run to a SavedModel."""
