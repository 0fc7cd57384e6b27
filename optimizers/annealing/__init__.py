"""The parts of simulated annealing and parallel tempering."""
