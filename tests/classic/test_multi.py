"""Multi-individuals: one call of ``simulate`` for several parameter sets, with any optimizer."""

from __future__ import annotations

import numpy as np
import pytest
from l2l.utils.experiment import Experiment

import l2l
from l2l import registry
from l2l.classic.multi import multi
from l2l.classic.optimizer import classic_optimizer
from l2l.errors import ConfigError
from l2l.evaluation import Status
from l2l.optimizers.evolution import GeneticAlgorithm, GeneticAlgorithmParameters

INNER = 4


class Lanes(l2l.Optimizee):
    """A bowl for several points at once; knows how many there must be."""

    space = l2l.ParameterSpace(
        {"x": (-5.0, 5.0), "w": l2l.Parameter("w", -1.0, 1.0, shape=(3,)), "n": (1, 9)}
    )
    n_inner_params = INNER

    def simulate(self, traj):
        p = traj.individual
        assert (p.x.shape, p.w.shape, p.n.dtype) == ((INNER,), (INNER, 3), np.int64)
        assert traj.n_inner_params == traj.inner_params == INNER
        return self.fitness(p.x, p.w, p.n)

    def fitness(self, x, w, n):
        return (-((x - 1.0) ** 2) - (w**2).sum(axis=-1) - abs(n - 3)).tolist()


class Single(Lanes):
    """The same, one point at a time."""

    n_inner_params = None

    def simulate(self, traj):
        p = traj.individual
        return float(-((p.x - 1.0) ** 2) - (p.w**2).sum() - abs(p.n - 3))


def run(path, optimizee, optimizer="random_search", executor="inline", **kwargs):
    options = {"pop_size": 10} if optimizer in ("random_search", "genetic_algorithm") else {}
    return l2l.optimize(
        optimizee, {"name": optimizer, **options}, generations=3, run=path, executor=executor,
        progress=False, **kwargs,
    ).history  # fmt: skip


@pytest.mark.parametrize("name", registry.names("optimizers"))
def test_every_optimizer_sees_the_same_points_as_without(tmp_path, name):
    if name == "grid_search":
        pytest.skip("its 10^5 points say nothing more")
    if name == "ensemble_kalman_filter":
        pytest.skip("needs observations; test_observations_come_along has them")
    one, many = run(tmp_path / "one", Single(), name), run(tmp_path / "many", Lanes(), name)
    np.testing.assert_array_equal(one.parameters, many.parameters)
    np.testing.assert_allclose(one.fitness, many.fitness, rtol=1e-12)


@pytest.mark.parametrize("executor", ["inline", "local"])
def test_a_call_has_all_its_places_filled(tmp_path, executor):
    class Counting(Lanes):
        def simulate(self, traj):
            p = traj.individual
            return {"fitness": super().simulate(traj), "metrics": {"place": [p.ind_idx] * INNER}}

    history = run(tmp_path / "run", Counting(), executor=executor)
    assert (history.status == Status.OK).all()
    assert history["place"].tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2] * 3


def test_a_batched_optimizee_takes_all_sets_as_one_batch(tmp_path):
    """It need not know of multi-individuals: a classic script may ask for them all the same."""

    class Batched(Lanes):
        def simulate(self, traj):
            raise NotImplementedError

        def simulate_batch(self, params, seeds):
            assert len(seeds) <= INNER
            return l2l.BatchResult(self.fitness(params["x"], params["w"], params["n"]))

    one, many = run(tmp_path / "one", Single()), run(tmp_path / "many", Batched())
    np.testing.assert_array_equal(one.parameters, many.parameters)
    np.testing.assert_allclose(one.fitness, many.fitness, rtol=1e-12)


def test_observations_come_along(tmp_path):
    class Observing(Lanes):
        def simulate(self, traj):
            fitness = super().simulate(traj)
            return {"fitness": fitness, "observation": traj.individual.w}

    history = run(tmp_path / "run", Observing())
    np.testing.assert_array_equal(history.observation, history["w"])


def test_a_set_that_fails_is_lost_alone(tmp_path):
    class Diverging(Lanes):
        def simulate(self, traj):
            if (traj.individual.n == 5).any():
                raise ValueError("boom")
            return super().simulate(traj)

    history = run(tmp_path / "run", Diverging())
    failed = history.status == Status.FAILED
    assert failed.any()
    np.testing.assert_array_equal(failed, history["n"] == 5)


@pytest.mark.parametrize("came", [[1.0] * (INNER - 1), 1.0, [[1.0, 2.0]] * INNER, None])
def test_a_wrong_number_of_fitness_values_is_said(tmp_path, came):
    class Wrong(Lanes):
        def simulate(self, traj):
            return came

    with pytest.raises(l2l.L2LError, match=r"expected fitness \(4, 1\) of 4 parameter sets"):
        run(tmp_path / "run", Wrong())


@pytest.mark.parametrize("n", [0, -1, 1.5, "4", True])
def test_a_wrong_size_is_refused(tmp_path, n):
    optimizee = Lanes()
    optimizee.n_inner_params = n
    with pytest.raises(ConfigError, match="n_inner_params"):
        run(tmp_path / "run", optimizee)
    assert not (tmp_path / "run").exists()


# -- classic scripts ------------------------------------------------------------------------------


class Classic(l2l.Optimizee):
    """As classic multi-optimizees are: lists come in, a list goes out."""

    def create_individual(self):
        return {"delay": np.random.uniform(0, 10), "coupling": np.random.uniform(0, 1)}

    def bounding_func(self, individual):
        return {k: np.clip(v, 0.0, 10.0) for k, v in individual.items()}

    def simulate(self, traj):
        delay, coupling = traj.individual.delay, traj.individual.coupling
        assert len(delay) == traj.n_inner_params
        return [-((d - 3.0) ** 2) - (c - 0.5) ** 2 for d, c in zip(delay, coupling, strict=True)]


def classic(path, make, parameters):
    experiment = Experiment(path)
    traj, _ = experiment.prepare_experiment(name="multi", multiprocessing=False)
    optimizee = Classic(traj)
    optimizer = make(
        traj, optimizee_create_individual=optimizee.create_individual,
        optimizee_fitness_weights=(1.0,), parameters=parameters,
        optimizee_bounding_func=optimizee.bounding_func,
    )  # fmt: skip
    experiment.run_experiment(optimizer=optimizer, optimizee=optimizee)
    traj, _ = experiment.end_experiment(optimizer)
    return l2l.load(path / "multi")


def test_multi_genetic_algorithm(tmp_path):
    from l2l.optimizers.multievolution import (
        MultiGeneticAlgorithmOptimizer,
        MultiGeneticAlgorithmParameters,
    )

    parameters = MultiGeneticAlgorithmParameters(
        seed=0, pop_size=5, cx_prob=0.5, mut_prob=0.3, n_iteration=6, ind_prob=0.5, tourn_size=3,
        mate_par=0.5, mut_par=1, n_inner_params=INNER,
    )  # fmt: skip
    history = classic(tmp_path, MultiGeneticAlgorithmOptimizer, parameters)
    assert (history.generation == 0).sum() == 5 * INNER
    assert history.generation.max() == 5
    assert history.score.max() > np.median(history.score[: 5 * INNER])


@pytest.mark.parametrize("which", ["ClassicGD", "StochasticGD", "Adam", "AdaMax", "RMSProp"])
def test_multi_gradient_descent(tmp_path, which):
    from l2l.optimizers.multigradientdescent import optimizer as module

    kind = getattr(module, f"Multi{which}Parameters")
    takes = kind.__dataclass_fields__
    options = {"first_order_decay": 0.9, "second_order_decay": 0.99, "momentum_decay": 0.5,
               "stochastic_deviation": 0.1, "stochastic_decay": 0.9}  # fmt: skip
    parameters = kind(
        learning_rate=0.01, exploration_step_size=0.01, n_random_steps=2, n_iteration=3,
        stop_criterion=np.inf, seed=99, n_inner_params=INNER,
        **{k: v for k, v in options.items() if k in takes},
    )  # fmt: skip
    history = classic(tmp_path, module.MultiGradientDescentOptimizer, parameters)
    assert np.bincount(history.generation).tolist() == [2 * INNER] * 3


def test_any_parameters_become_multi():
    made = multi(GeneticAlgorithmParameters)
    assert made.__name__ == "MultiGeneticAlgorithmParameters"
    parameters = made(pop_size=3, n_inner_params=5)
    assert parameters.expanded() == GeneticAlgorithmParameters(pop_size=15)
    assert issubclass(made, GeneticAlgorithmParameters)
    with pytest.raises(ConfigError, match="n_inner_params"):
        made(n_inner_params=0)
    assert classic_optimizer(GeneticAlgorithm).__name__ == "GeneticAlgorithmOptimizer"
