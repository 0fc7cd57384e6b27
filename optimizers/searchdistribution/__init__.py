"""The parts of CMA-ES, natural evolution strategies and evolution strategies."""
