"""Executors: where the inner loop runs. One file an engine."""
