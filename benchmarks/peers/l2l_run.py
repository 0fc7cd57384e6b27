"""l2l itself, measured as its peers are: workers are up, and the last result is in and durable.

So the clock runs from the end of the first generation to the end of the outer loop. What comes
before and after (workers, the last seal) is told beside it; bytes are those of all of it.
"""

import argparse
import json
import time
from typing import Any

from l2l_sphere import Sphere
from measure import Meter, arguments, bytes_written

import l2l


class Clock:
    """Notes when generations end, as ``progress`` of a run."""

    def __init__(self) -> None:
        self.first: tuple[float, int] | None = None
        self.last = 0.0

    def start(self, *_: Any) -> None:
        pass

    def update(self, *_: Any) -> None:
        pass

    def generation(self, summary: dict[str, Any]) -> None:
        if self.first is None:
            self.first = time.perf_counter(), summary["evaluations"]

    def stop(self, reason: str) -> None:
        self.last = time.perf_counter()

    def close(self, *_: Any) -> None:
        pass


#: What DEAP's script does: all mate and all mutate, by blend crossover and Gaussian mutation.
AS_DEAP = {
    "crossover": "blend", "mutation": "gaussian", "cx_prob": 1.0, "mut_prob": 1.0,
    "ind_prob": 0.1, "mut_par": 0.03,
}  # fmt: skip


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--optimizer", default="genetic_algorithm")
    parser.add_argument("--executor", default="local")
    return arguments(parser)


def main() -> None:
    args = options()
    clock = Clock()
    meter = Meter()
    operators = AS_DEAP if args.optimizer == "genetic_algorithm" else {}
    result = l2l.optimize(
        Sphere(),
        {"name": args.optimizer, "pop_size": args.population, **operators},
        generations=args.generations,
        weights=(-1.0,),
        run=args.folder / "run",
        workers=args.workers if args.executor == "local" else None,
        executor=args.executor,
        progress=clock,
    )
    n = len(result.history)
    ended = time.perf_counter()
    assert clock.first is not None
    meter.stop(clock.last - clock.first[0])
    after = bytes_written()
    written = {key: after[key] - meter.before[key] for key in after}
    around = {"start_s": clock.first[0] - meter.began, "end_s": ended - clock.last}
    print(json.dumps(meter.result(n, per=n - clock.first[1], written=written) | around))


if __name__ == "__main__":
    main()
