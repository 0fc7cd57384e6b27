"""Handwritten digits: the weights of a small network as a parameter set."""
