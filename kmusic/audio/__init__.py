"""Sound on disk to waveform."""
