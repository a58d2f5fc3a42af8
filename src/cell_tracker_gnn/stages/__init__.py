"""The stages of tracking cut into pieces that any executor can compute, in any order, and that can be stored.

The first stage measures ranges of frames, the second weighs groups of time windows. Each piece is a pure function of
the movie, the settings and the model, so that the result is the same however the pieces are computed.
"""
