"""What a person sees of a run: progress, status, plots."""
