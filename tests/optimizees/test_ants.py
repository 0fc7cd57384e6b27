"""The ants: their worlds, their networks in three backends, their evolution."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import l2l
from l2l import cli
from l2l.errors import ConfigError, MissingExtra
from l2l.optimizee import Individual, Trial
from l2l.optimizees.ants import Ants, AntsParameters, figures, layout, rules
from l2l.optimizees.ants.__main__ import fresh_worlds, main, measure
from l2l.optimizees.ants.brain import NumpyBrain
from l2l.optimizees.ants.colony import brain_for, forage
from l2l.optimizees.ants.field import CompiledField, Field
from l2l.optimizees.ants.figures import best_colony, picture
from l2l.optimizees.ants.layout import MOTORS, N_SYNAPSES, SENSES
from l2l.optimizees.ants.reference import RuleBrain
from l2l.optimizees.ants.worlds import DX, DY, World, Worlds
from l2l.references import load_reference
from l2l.testing import check_optimizee

FIELDS = (Field, CompiledField)
SMALL = {"ticks": 60, "size": 31, "test_worlds": 4}
EAST, NORTH, WEST = 0, 2, 4


def networks(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.uniform(-20, 20, (n, N_SYNAPSES)), rng.integers(1, 6, (n, N_SYNAPSES))


def empty_world(ants: int = 1, size: int = 21, ticks: int = 50) -> World:
    """A world without food and without wobble; the ants look east, the nest is at (10, 10)."""
    return World(
        np.zeros((size, size), dtype=np.int64),
        np.full(ants, EAST),
        np.zeros((ticks, ants), dtype=np.int64),
    )


def does(*motors: str, ants: int = 1) -> np.ndarray:
    """Spikes ``(1, ants, 4)`` with which all ants do the same."""
    return np.tile([3 * (motor in motors) for motor in MOTORS], (1, ants, 1))


def active(field: Field, ant: int = 0) -> set[str]:
    return {name for name, on in zip(SENSES, field.sense()[0, ant], strict=True) if on}


def python(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    ).stdout


# -- what actions cost and bring --------------------------------------------------------------


@pytest.mark.parametrize("kind", FIELDS)
@pytest.mark.parametrize(
    ("motors", "worth"),
    [
        (("move",), -0.25),
        (("left",), -0.5 - 0.02),  # it stays where it is, which is resting
        (("move", "right"), -0.25 - 0.02),
        (("move", "left", "right"), -0.25 - 0.02 - 0.02),
        (("pheromone",), -0.5 - 0.05),
        (("move", "pheromone"), -0.25 - 0.05),
        ((), -0.5),
    ],
)
def test_an_action_costs_what_the_paper_says(kind, motors, worth):
    field = kind([empty_world(ants=2)])
    for ticks in (1, 2, 3):
        field.act(does(*motors, ants=2))
        assert field.returns[0] == pytest.approx(2 * ticks * worth)


@pytest.mark.parametrize("kind", FIELDS)
def test_ants_turn_first_and_then_move_into_the_cell_ahead(kind):
    field = kind([empty_world()])
    places = []
    for motors in (
        ("move",),
        ("left", "move"),
        ("left", "move"),
        ("right",),
        ("move", "left", "right"),
    ):
        field.act(does(*motors))
        places.append((int(field.x[0, 0]), int(field.y[0, 0]), int(field.heading[0, 0])))
    assert places == [(11, 10, 0), (12, 11, 1), (12, 12, 2), (12, 12, 1), (13, 13, 1)]


@pytest.mark.parametrize("kind", FIELDS)
def test_food_is_taken_once_and_brought_home(kind):
    world = empty_world(ants=2)
    world.food[10, 13] = 1  # one piece, three cells east of the middle, for two ants
    field = kind([world])
    for _ in range(3):
        field.act(does("move", ants=2))
    assert field.carrying.tolist() == [[True, False]]
    assert field.food.sum() == 0
    assert field.returns[0] == pytest.approx(6 * -0.25 + 1.5)
    for _ in range(4):  # about turn
        field.act(does("left", ants=2))
    before = field.returns[0]
    field.act(does("move", ants=2))  # (12, 10) is nest: squared distance 4
    assert field.returns[0] - before == pytest.approx(2 * -0.25 + 220)
    assert not field.carrying.any()
    field.act(does("move", ants=2))
    assert field.counts[0].tolist() == [10, 8, 0, 8, 1, 1]  # nothing more to bring home


@pytest.mark.parametrize("kind", FIELDS)
def test_a_wall_stops_an_ant_and_hurts(kind):
    field = kind([empty_world()])
    for _ in range(10):
        field.act(does("move"))
        assert "nociceptor" not in active(field)
    assert field.x[0, 0] == 20
    field.act(does("move"))
    assert (field.x[0, 0], field.y[0, 0]) == (20, 10)
    assert "nociceptor" in active(field)
    assert field.returns[0] == pytest.approx(11 * -0.25)
    field.act(does("left"))
    assert "nociceptor" not in active(field)


@pytest.mark.parametrize("kind", FIELDS)
def test_the_ground_turns_ants_that_move(kind):
    world = empty_world(ticks=3)
    world.wobble[:, 0] = [1, -1, 1]
    field = kind([world])
    for motors, heading in ((("move",), 1), ((), 1), (("move",), 2)):
        field.act(does(*motors))
        assert field.heading[0, 0] == heading


# -- pheromone --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FIELDS)
def test_a_drop_spreads_to_four_neighbours_and_evaporates(kind):
    field = kind([empty_world()])
    field.act(does("pheromone"))
    cells = field.pheromone[0, 1:-1, 1:-1]
    assert cells[10, 10] == pytest.approx(0.99 * 0.8)
    assert [cells[9, 10], cells[11, 10], cells[10, 9], cells[10, 11]] == pytest.approx(
        [0.99 * 0.05] * 4
    )
    for tick in range(2, 40):  # it reaches the walls, and none goes through
        field.act(does())
        assert cells.sum() == pytest.approx(0.99**tick)
    assert cells.min() > 0
    assert cells == pytest.approx(cells.T)
    assert cells == pytest.approx(cells[::-1])


@pytest.mark.parametrize("kind", FIELDS)
def test_diffusion_alone_conserves_pheromone(kind, monkeypatch):
    monkeypatch.setattr(rules, "EVAPORATION", 0.0)
    field = kind([empty_world(), empty_world()])
    rng = np.random.default_rng(3)
    field.pheromone[:, 1:-1, 1:-1] = rng.random((2, 21, 21))
    field.counts[:, 2] = 1  # somebody dropped it
    before = field.pheromone[:, 1:-1, 1:-1].sum(axis=(1, 2))
    for _ in range(400):
        field.spread()
    cells = field.pheromone[:, 1:-1, 1:-1]
    assert cells.sum(axis=(1, 2)) == pytest.approx(before, rel=1e-12)
    assert np.ptp(cells[0]) < 0.1  # well on its way to equal everywhere


# -- senses -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FIELDS)
@pytest.mark.parametrize("heading", range(8))
def test_the_direction_of_the_nest_is_told_as_an_angle(kind, heading):
    field = kind([empty_world()])
    field.heading[:] = heading
    for x in range(21):
        for y in range(21):
            field.x[:], field.y[:] = x, y
            told = active(field) & {"nest left", "nest ahead", "nest right"}
            towards = complex(10 - x, 10 - y) / complex(DX[heading], DY[heading])
            angle = np.degrees(np.angle(towards))
            if towards == 0:
                assert told == set()
            elif abs(angle) <= 22.5:
                assert told == {"nest ahead"}
            else:  # just behind is left
                assert told == {"nest left" if angle > 0 or angle == -180 else "nest right"}
            assert ("queen" in active(field)) == ((x - 10) ** 2 + (y - 10) ** 2 <= 5)


@pytest.mark.parametrize("kind", FIELDS)
def test_the_strongest_of_three_scents_is_smelled(kind):
    field = kind([empty_world()])
    field.heading[:] = NORTH  # at (10, 10): left (9, 11), ahead (10, 11), right (11, 11)
    scent = field.pheromone[0, 1:-1, 1:-1]
    assert not {name for name in active(field) if name.startswith("pheromone")}
    for amounts, smelled in [
        ((0.05, 0.05, 0.05), set()),  # too little
        ((0.3, 0.2, 0.1), {"pheromone left"}),
        ((0.2, 0.2, 0.1), {"pheromone ahead"}),
        ((0.2, 0.1, 0.2), {"pheromone left"}),
        ((0.0, 0.1, 0.2), {"pheromone right"}),
    ]:
        scent[11, 9:12] = amounts
        assert {name for name in active(field) if name.startswith("pheromone")} == smelled
    field.x[:], field.y[:] = 10, 20  # nothing to smell within the wall
    assert not {name for name in active(field) if name.startswith("pheromone")}


@pytest.mark.parametrize("kind", FIELDS)
def test_food_and_walls_are_seen_straight_ahead(kind):
    world = empty_world()
    world.food[10, 15] = 1
    field = kind([world])
    field.heading[:] = EAST
    seen = []
    for x in range(10, 21):
        field.x[:] = x
        seen.append((x, *sorted(active(field) & {"green", "red"})))
    assert seen == [
        (10,), (11,), (12, "green"), (13, "green"), (14, "green"), (15,), (16,), (17,), (18,),
        (19, "red"), (20, "red"),
    ]  # fmt: skip
    field.x[:], field.heading[:] = 18, WEST
    assert active(field) & {"green", "red"} == {"green"}
    field.carrying[:] = True
    assert {"reward", "heartbeat"} <= active(field)


# -- networks ---------------------------------------------------------------------------------


def test_the_connections_are_those_of_the_paper():
    s, r = layout.SENDER, layout.RECEIVER
    into_hidden, from_hidden = r < 10, s >= 12
    assert (into_hidden & (s < 11)).sum() == 110
    assert (into_hidden & (s == 11)).sum() == 10
    assert (into_hidden & from_hidden).sum() == 90
    assert (~into_hidden & from_hidden).sum() == 40
    assert len(set(zip(s.tolist(), r.tolist(), strict=True))) == len(s) == 250
    assert not (s - 12 == r)[into_hidden & from_hidden].any()
    matrix = layout.matrix(np.arange(250)[None] + 1.0)[0]
    assert matrix[3, 7] == 1 + 3 * 10 + 7
    assert matrix[12, 0] == 0
    assert matrix[12, 1] == 121
    assert matrix[21, 13] == 250
    with pytest.raises(ValueError, match="250"):
        layout.matrix(np.zeros((1, 249)))


@pytest.mark.parametrize("seed", range(3))
def test_spikes_are_equal_in_all_backends(seed):
    weights, delays = networks(3, seed)
    senses = np.random.default_rng(seed + 10).random((80, 3, 4, 12)) < 0.3
    spikes = {}
    for backend in ("numpy", "numba", "nest"):
        with brain_for(backend, weights, delays, 4) as brain:
            spikes[backend] = np.array([brain.step(each) for each in senses])
    assert spikes["nest"].sum() > 300
    assert np.array_equal(spikes["nest"], spikes["numpy"])
    assert np.array_equal(spikes["nest"], spikes["numba"])


def test_a_spike_arrives_after_its_delay():
    """One chain: a receptor, a hidden neuron, a motor neuron; times counted by hand."""
    weights, delays = np.zeros((1, 250)), np.full((1, 250), 4)
    to_hidden = (layout.SENDER == 0) & (layout.RECEIVER == 0)
    to_motor = (layout.SENDER == 12) & (layout.RECEIVER == 10)
    weights[0, to_hidden | to_motor] = 20.0
    # 2 nA charge the receptor towards 80 mV: above 15 mV in the third step, index 2
    assert [80 * (1 - np.exp(-k / 10)) >= 15 for k in (1, 2, 3)] == [False, False, True]
    brain = NumpyBrain(weights, delays, 1, steps=1)
    senses = np.zeros((1, 1, 12), dtype=bool)
    senses[..., 0] = True
    spiked = [step for step in range(20) if brain.step(senses)[0, 0, 0]]
    assert spiked == [2 + 4 + 4, 7 + 4 + 4]  # a receptor's spikes are 2 + 3 steps apart


@pytest.mark.parametrize("backend", ["numpy", "nest"])
def test_a_whole_episode_is_equal_in_all_backends(backend):
    weights, delays = networks(4, 5)
    worlds = Worlds(120, size=31).train(1, 0) * 4
    expected = forage(brain_for("numba", weights, delays, 15), worlds, compiled=True)
    found = forage(brain_for(backend, weights, delays, 15), worlds, compiled=backend == "nest")
    assert np.array_equal(found.counts, expected.counts)
    assert np.array_equal(found.returns, expected.returns)
    ticks = []  # one that is watched goes on tick by tick
    brain = brain_for("numba", weights, delays, 15)
    watched = forage(brain, worlds, watch=lambda field: ticks.append(field.tick))
    assert ticks == list(range(1, 121))
    assert np.array_equal(watched.counts, expected.counts)
    assert len({tuple(row) for row in expected.counts.tolist()}) == 4
    assert expected.counts[:, rules.COUNTED.index("moved")].sum() > 300


def test_compiled_worlds_are_equal_to_those_in_numpy():
    worlds = Worlds(400, size=31, n_test=3).all_held_out()
    results = []
    for kind in FIELDS:
        field, brain, seen = kind(worlds), RuleBrain(), []
        for _ in range(400):
            senses = field.sense()
            seen.append(senses.copy())
            field.act(brain.step(senses))
        results.append((np.array(seen), field.pheromone[:, 1:-1, 1:-1], field.counts, field.food))
    assert all(np.array_equal(one, other) for one, other in zip(*results, strict=True))
    assert (results[0][2] > 0)[:, [0, 1, 2, 4, 5]].all()  # all of it happened


# -- worlds -----------------------------------------------------------------------------------


def test_worlds_are_shared_by_a_generation_and_held_out_ones_are_others():
    family = Worlds(20, size=41, n_tasks=2, n_test=6)
    one, again, later = (family.train(seed, g) for seed, g in ((1, 0), (1, 0), (1, 1)))
    assert all(np.array_equal(a.food, b.food) for a, b in zip(one, again, strict=True))
    assert all(np.array_equal(a.wobble, b.wobble) for a, b in zip(one, again, strict=True))
    everywhere = [*one, *later, *family.train(2, 0), *family.all_held_out()]
    assert len({world.food.tobytes() for world in everywhere}) == len(everywhere) == 12
    assert len(family.all_held_out()) == 6


def test_food_lies_at_its_distance_and_a_ramp_moves_it_there():
    family = Worlds(5, size=61, ramp=10)
    y, x = np.mgrid[:61, :61] - 30
    for generation, low, high in ((0, 5, 6), (5, 8.5, 14.25), (10, 12, 22.5), (99, 12, 22.5)):
        for seed in range(10):
            food = family.train(seed, generation)[0].food
            away = np.hypot(x, y)[food > 0]
            assert low - 3.5 < away.min()
            assert away.max() < high + 3.5  # a patch has a radius of 2.2, on whole cells
    assert food.max() == 10


def test_rules_solve_the_task_and_other_colonies_do_not():
    family = Worlds(n_test=5, size=71)
    worlds = family.all_held_out()
    rule_based = forage(RuleBrain(), worlds)
    without = forage(RuleBrain(scent=False), worlds)
    assert rule_based.returns.mean() > 3 * abs(without.returns.mean())
    silent = measure({"weights": np.zeros(250), "delays": np.ones(250, dtype=int)}, worlds)
    assert silent.returns.tolist() == [-0.5 * 15 * 800] * 5
    weights, delays = networks(40, 1)
    random = forage(brain_for("numba", weights, delays, 15), worlds[:1] * 40)
    assert np.median(random.returns) < -1000
    assert rule_based.returns[0] > 5 * random.returns.max()


# -- optimizee --------------------------------------------------------------------------------


def small(**changes) -> Ants:
    return Ants(parameters=AntsParameters(**{**SMALL, **changes}))


def test_the_contract_of_optimizees():
    check_optimizee(small)


def test_a_batch_gives_what_each_gives_alone():
    optimizee = small(worlds=2)
    weights, delays = networks(3, 7)
    tasks = [optimizee.tasks.train(1, g) for g in range(3)]
    batch = optimizee.simulate_batch({"weights": weights, "delays": delays}, [1] * 3, tasks)
    for k in range(3):
        individual = Individual({"weights": weights[k], "delays": delays[k]}, tasks=tasks[k])
        result = optimizee.simulate(Trial(individual))
        assert result.fitness == batch.fitness[k]  # to the bit
        assert result.metrics == {name: batch.metrics[name][k] for name in rules.COUNTED}
        alone = [measure(individual, [world]).returns[0] for world in tasks[k]]
        assert result.fitness == pytest.approx(np.mean(alone), rel=1e-12)  # added up otherwise


@pytest.mark.parametrize("backend", ["nest", "numpy"])
def test_the_backend_changes_nothing(backend):
    weights, delays = networks(3, 8)
    params = {"weights": weights, "delays": delays}
    results = []
    for name in (backend, "numba"):
        optimizee = small(backend=name, ants=5)
        tasks = [optimizee.tasks.train(4, 0)] * 3
        results.append(optimizee.simulate_batch(params, [1] * 3, tasks).fitness.tolist())
    assert results[0] == results[1]


def test_parameters_are_checked(monkeypatch):
    with pytest.raises(ConfigError, match="size must be odd"):
        AntsParameters(size=60)
    with pytest.raises(ConfigError, match="backend can't be 'nset'"):
        AntsParameters(backend="nset")
    monkeypatch.setitem(sys.modules, "nest", None)  # what Python takes for "not there"
    with pytest.raises(MissingExtra, match=r"pip install 'l2l\[nest\]'"):
        small(backend="nest")


def test_individuals_are_clipped():
    clipped = small().bounding_func(
        {"weights": np.linspace(-50, 50, 250), "delays": np.linspace(-3, 9, 250)}
    )
    assert (clipped["weights"].min(), clipped["weights"].max()) == (-20, 20)
    assert (clipped["delays"].min(), clipped["delays"].max()) == (1, 5)
    assert clipped["delays"].dtype == np.int64


def test_the_outer_loop_does_not_import_simulators():
    code = """
import sys
from l2l.optimizees.ants import Ants
Ants().create_individual()
print(sorted({"nest", "numba", "matplotlib"} & set(sys.modules)))
"""
    assert python(code).strip() == "[]"


# -- evolution --------------------------------------------------------------------------------

#: A small world with much food near the nest, so that some generations are enough.
EASY = AntsParameters(ticks=200, size=41, pieces=20, test_worlds=10)


#: Of the genetic algorithm, as in experiments/ants.
GENETIC = {
    "tourn_size": 8, "elitism": 0, "ind_prob": 0.006, "eta_mut": 0, "full_prob": 0,
    "adaptation": "none",
}  # fmt: skip


def evolved(folder: Path, seed: int = 1, generations: int = 15, random: bool = False):
    search = {"name": "random_search"} if random else {"name": "genetic_algorithm", **GENETIC}
    return l2l.optimize(
        Ants(parameters=EASY), {**search, "pop_size": 40}, generations=generations, test_every=5,
        executor="inline", seed=seed, run=folder, progress=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A short run of the genetic algorithm."""
    folder = tmp_path_factory.mktemp("ants") / "run"
    evolved(folder)
    return folder


def fresh_return(folder: Path) -> float:
    """Return of a run's best colony in worlds that the run did not use."""
    worlds = fresh_worlds(Ants(parameters=EASY).tasks, 20)
    return float(measure(best_colony(l2l.load(folder)), worlds).returns.mean())


def test_evolution_beats_as_many_random_individuals(run, tmp_path):
    evolved(tmp_path / "evolved", seed=2)
    evolution = [fresh_return(run), fresh_return(tmp_path / "evolved")]
    by_chance = []
    for seed in (1, 2):
        evolved(tmp_path / f"random{seed}", seed, random=True)
        by_chance.append(fresh_return(tmp_path / f"random{seed}"))
    assert np.mean(evolution) > 2 * max(np.mean(by_chance), 0)
    assert min(evolution) > max(by_chance)


def test_a_run_is_repeated_to_the_bit(tmp_path):
    for name in ("one", "other"):
        evolved(tmp_path / name, generations=4)
    assert l2l.load(tmp_path / "one").digest() == l2l.load(tmp_path / "other").digest()


def test_the_best_colony_is_the_one_that_did_best_in_held_out_worlds(run):
    history = l2l.load(run)
    worlds = Ants(parameters=EASY).tasks.all_held_out()
    tests = history.tests
    returns = [
        measure(history.space.unflatten(row), worlds).returns.mean()
        for row in np.unique(tests.parameters, axis=0)
    ]
    best = measure(best_colony(history), worlds).returns.mean()
    assert best == max(returns)


def test_fresh_worlds_are_those_after_the_ones_of_the_tests():
    family = Worlds(5, size=41, n_tasks=2, n_test=6)
    tested = {world.food.tobytes() for world in family.all_held_out()}
    fresh = fresh_worlds(family, 5)
    assert len(fresh) == 5
    assert len(tested | {world.food.tobytes() for world in fresh}) == 11


def test_the_report_judges_by_fresh_worlds_and_makes_a_film(run, tmp_path, capsys, monkeypatch):
    from PIL import Image

    monkeypatch.setattr(figures, "PICTURES", 8)  # a film of 100 takes some seconds to write
    film = tmp_path / "film.gif"
    assert main([str(run), "--worlds", "3", "--backend", "nest", "--gif", str(film)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "3 held-out worlds of 41 x 41 cells, in the mean"
    worlds = fresh_worlds(Ants(parameters=EASY).tasks, 3)
    expected = measure(best_colony(l2l.load(run)), worlds, "numba").returns.mean()
    assert f"the best colony        return {expected:8.0f} (" in lines[1]
    assert [line.split("return")[0].strip() for line in lines[2:5]] == [
        "rules, with pheromone", "rules, without", "a silent network",
    ]  # fmt: skip
    assert "-1500 (-1500..-1500), food home   0.0" in lines[4]  # 15 ants rest for 200 ticks
    with Image.open(film) as image:
        assert image.n_frames == 8
    assert film.stat().st_size < 1e6
    assert main([str(tmp_path / "nowhere")]) != 0


@pytest.mark.parametrize("name", ["colony", "world"])
def test_figures_are_drawn(run, name):
    figure = load_reference(Ants.figures[name])(l2l.load(run), Ants(parameters=EASY))
    if name == "world":
        assert figure.axes[0].get_title().startswith("tick 100: ")
        assert figure.axes[0].images[0].get_array().shape == (43 * 9, 43 * 9, 3)
    else:
        figure.new_frame_seq()
        figure._draw_was_started = True  # nobody wants to see it here


def test_a_picture_shows_ants_food_and_scent():
    worlds = Worlds(200, size=31, n_test=1).all_held_out()
    seen = []

    def watch(field):
        if field.tick == 150:
            places = zip(field.y[0].tolist(), field.x[0].tolist(), strict=True)
            seen.append((picture(field, worlds[0].food > 0), list(places)))

    forage(RuleBrain(), worlds, watch=watch)
    image, places = seen[0]
    scale = len(image) // 33
    middle = slice(scale // 2, None, scale)
    cells = image[middle, middle][1:-1, 1:-1]
    colours = {tuple(cells[place].tolist()) for place in places}
    assert colours <= {(0, 100, 0), (225, 105, 0)}
    assert len(colours) == 2
    assert (cells == (60, 150, 60)).all(axis=-1).sum() > 20
    assert ((cells[..., 2] > 225) & (cells[..., 0] < 220)).any()  # blue


@pytest.mark.campaign
def test_the_paper_size_starts(tmp_path):
    config = Path(__file__).parents[2] / "experiments/ants/config-paper.yaml"
    command = ["run", str(config), "--run", str(tmp_path / "run"), "--set", "stop.generations=1"]
    assert cli.main([*command, "--quiet"]) == 0
    assert len(l2l.load(tmp_path / "run")) == 98
