"""tvb-library as an oracle: what its own Simulator does, step by step, in float64.

    from whole_brain.oracle import trace  # pytest finds it so, as `tests` is on its path
    states = trace("Generic2dOscillator", weights, lengths, speed=3.0, steps=500, coupling=0.01)

Traps that are taken care of: TVB fills a history that is too short with random states, so the whole
one is given; it counts lengths where there is no link; it would log into the user's home; and it
keeps history and weights in float32, whatever the states are: here in float64 (single=True: as it is).

Facts of TVB 2.10 that a comparison must know:
- State k of the trace is the one after k + 1 steps. The derivative at step k takes the coupling from
  the states at step k - delay, delay = rint(length / speed / dt); the start is at step 0 and before.
- Heun keeps the coupling of the first stage in the second one, also where there is no delay.
- ``coupling`` is the factor a of its coupling function: Linear, a * sum_j w_ij x_j, and for the model
  Kuramoto a * sum_j w_ij sin(x_j - x_i) (not divided by the number of regions, whatever its text says).
- Phases of Kuramoto are not wrapped. States with boundaries are clipped after each stage.
- Noise of amplitude ``nsig`` D adds sqrt(2 D dt) N(0, 1) to a state in each step: sigma = sqrt(2 D).
"""  # noqa: E501

import functools

import numpy as np

from l2l.optimizees.tvb.library import library

_INTEGRATORS = {"euler": "Euler", "heun": "Heun"}


def delays(weights, lengths, speed, dt):
    """Steps of delay of each link, (n, n); 0 where there is none."""
    return np.rint(np.where(weights != 0, lengths, 0.0) / speed / dt).astype(int)


def tvb_model(name, parameters=None):
    """A model of tvb-library with parameters, scalars or (regions,), that shows all its states."""
    cls = getattr(library().models, name)
    values = {
        key: np.atleast_1d(np.asarray(value, getattr(cls, key).dtype))  # N_tot and K_ext_e are int
        for key, value in (parameters or {}).items()
    }
    model = cls(**values)
    model.variables_of_interest = tuple(cls.state_variables)
    return model


def states_of(name):
    """Names of the states of a model of tvb-library, in its order."""
    return list(getattr(library().models, name).state_variables)


@functools.cache
def _history():
    """TVB's history, with its arrays in float64."""
    from tvb.simulator.descriptors import NDArray
    from tvb.simulator.history import SparseHistory

    def array(name, read_only):
        return NDArray(vars(owner(name))[name].shape, "d", read_only=read_only)

    def owner(name):
        return next(cls for cls in SparseHistory.__mro__ if name in vars(cls))

    names = {"weights": True, "nnz_weights": True, "es_weights": True}
    names |= {"buffer": False, "current_state": False, "delayed_state": False}
    return type("History64", (SparseHistory,), {k: array(k, only) for k, only in names.items()})


def simulator(
    model, weights, lengths, *, speed=3.0, parameters=None, coupling=1.0, coupling_b=0.0,
    dt=0.1, integrator="euler", initial=None, nsig=None, seed=1, single=False,
):  # fmt: skip
    """A configured Simulator with a Raw monitor; see trace."""
    tvb = library()
    weights, lengths = np.asarray(weights, float), np.asarray(lengths, float)
    n = len(weights)
    brain = tvb.connectivity.Connectivity(
        weights=weights.copy(), tract_lengths=np.where(weights != 0, lengths, 0.0),
        speed=np.array([float(speed)]), region_labels=np.array([f"r{i}" for i in range(n)]),
        centres=np.zeros((n, 3)),
    )  # fmt: skip
    if model == "Kuramoto":
        sent = tvb.coupling.Kuramoto(a=np.array([float(coupling)]))
    else:
        sent = tvb.coupling.Linear(a=np.array([float(coupling)]), b=np.array([float(coupling_b)]))
    scheme = _INTEGRATORS[integrator]
    if nsig is None:
        stepper = getattr(tvb.integrators, f"{scheme}Deterministic")(dt=dt)
    else:
        noise = tvb.noise.Additive(nsig=np.asarray(nsig, float), noise_seed=int(seed))
        stepper = getattr(tvb.integrators, f"{scheme}Stochastic")(dt=dt, noise=noise)
    names = states_of(model)
    start = np.empty((len(names), n))
    if isinstance(initial, dict):
        initial = [initial[name] for name in names]
    for k, value in enumerate(np.zeros(len(names)) if initial is None else initial):
        start[k] = value
    horizon = delays(weights, lengths, speed, dt).max() + 1
    history = np.broadcast_to(start[None, :, :, None], (horizon, len(names), n, 1)).copy()
    made = tvb.simulator.Simulator(
        model=tvb_model(model, parameters), connectivity=brain, coupling=sent, integrator=stepper,
        monitors=(tvb.monitors.Raw(),), initial_conditions=history,
    )  # fmt: skip
    made.configure()
    assert made.connectivity.horizon == horizon  # else TVB would have drawn random states
    if not single:
        links = made.connectivity
        made.history = _history()(links.weights, links.idelays, made.model.cvar, 1)
        made.history.initialize(history)
    return made


def trace(model, weights, lengths, *, steps, every=1, **how):
    """Run a model of tvb-library from a constant history.

    Args:
        model: Name of its class, such as "ZerlautAdaptationSecondOrder".
        weights: (n, n), [to, from]; passed on as they are.
        lengths: (n, n), mm.
        steps: Number of steps.
        every: Keep each so many-th state: [every - 1, 2 every - 1, ...].
        how: speed (mm/ms, 3; np.inf: no delays), parameters ({name: scalar or (n,)}; others have
            TVB's defaults), coupling (a, 1), coupling_b (0), dt (ms, 0.1), integrator ("euler",
            "heun"), initial (a number or (n,) a state, as a list or as a dict by name; 0), nsig
            (None: deterministic; else a number a state) and seed of its noise, single (False).

    Returns:
        (steps // every, states, n), float64, states in TVB's order (states_of).
    """
    made = simulator(model, weights, lengths, **how)
    kept = np.empty((steps // every, *made.current_state.shape[:2]))
    # the iterator yields after each step; Raw gives (time, states (states, regions, modes))
    with np.errstate(all="ignore"):
        for k, output in enumerate(made(n_steps=np.int64(steps))):
            if (k + 1) % every == 0:
                kept[(k + 1) // every - 1] = output[0][1][:, :, 0]
    return kept


def averages(model, weights, lengths, *, steps, samples_of, **how):
    """As trace, averaged over samples_of steps each: (steps // samples_of, states, n)."""
    made = simulator(model, weights, lengths, **how)
    kept = np.zeros((steps // samples_of, *made.current_state.shape[:2]))
    with np.errstate(all="ignore"):
        for k, output in enumerate(made(n_steps=np.int64(steps // samples_of * samples_of))):
            kept[k // samples_of] += output[0][1][:, :, 0]
    return kept / samples_of
