"""The parts of the genetic algorithm."""
