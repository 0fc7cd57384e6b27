"""The executor ``mpi``: ranks of an MPI job are supervisors."""
