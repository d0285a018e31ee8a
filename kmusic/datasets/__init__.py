"""Tracks and labels to batches."""
