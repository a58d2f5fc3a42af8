"""The plugin for napari: track, doubt, correct, read and write (``napari.yaml`` says what it contributes).

Its other modules import napari, which nothing else in the package does.
"""
