"""The parts of gradient ascent."""
