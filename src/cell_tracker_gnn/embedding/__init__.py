"""Learned appearance of cells: the encoder, and how it is trained by metric learning."""
