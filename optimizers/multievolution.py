"""The genetic algorithm on multi-individuals, under the names of classic scripts."""

from l2l.classic.multi import multi
from l2l.classic.optimizer import classic_optimizer
from l2l.optimizers.evolution import GeneticAlgorithm, GeneticAlgorithmParameters

MultiGeneticAlgorithmParameters = multi(GeneticAlgorithmParameters)
MultiGeneticAlgorithmOptimizer = classic_optimizer(
    GeneticAlgorithm, name="MultiGeneticAlgorithmOptimizer"
)
