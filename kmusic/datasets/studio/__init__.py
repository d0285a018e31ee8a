"""The procedural corpus: music composed and synthesised from a seed."""
