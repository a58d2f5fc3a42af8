"""Trackers to compare with, one file each; every file runs as ``python -m peers.NAME MASKS IMAGES OUT``."""
