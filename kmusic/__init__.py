"""Representations of music, learned with Keras and TensorFlow."""

__version__ = "0.1.0"
