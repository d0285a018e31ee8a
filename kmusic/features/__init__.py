"""Waveform to features, inside the graph."""
