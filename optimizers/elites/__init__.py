"""The parts of the cross-entropy method and FACE."""
