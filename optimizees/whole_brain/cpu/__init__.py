"""The CPU backend: kernels on vector registers, compiled by Numba."""
