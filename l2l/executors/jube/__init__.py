"""The executor ``jube``: workpackages of JUBE, each a share of a generation in a job of its own."""
