"""Cell tracking with deep metric learning, a graph neural network and a globally optimal lineage."""
