"""The engine on a GPU: a block of threads for each parameter set, a thread for each region."""
