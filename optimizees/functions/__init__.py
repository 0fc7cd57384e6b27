"""Benchmark functions with known optima, for trying optimizers out."""
