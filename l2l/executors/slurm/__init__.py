"""The executor ``slurm``: Parsl carries work to the nodes of an allocation, or of pilot jobs."""
