"""The executor ``srun``: a job step for each individual, for simulators that are MPI programs."""
