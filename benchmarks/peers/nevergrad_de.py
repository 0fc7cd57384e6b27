"""nevergrad: TwoPointsDE over a process pool, and a dump each generation."""

from concurrent.futures import ProcessPoolExecutor

import nevergrad as ng
from measure import DIMENSIONS, HIGH, LOW, Meter, arguments, sphere


def main() -> None:
    args = arguments()
    space = ng.p.Array(shape=(DIMENSIONS,)).set_bounds(LOW, HIGH)
    space.random_state.seed(1)
    optimizer = ng.optimizers.registry["TwoPointsDE"](
        parametrization=space,
        budget=args.population * args.generations,
        num_workers=args.population,
    )
    with ProcessPoolExecutor(args.workers) as pool:
        list(pool.map(sphere, [[0.0] * DIMENSIONS] * 256, chunksize=64))
        meter = Meter()
        for _ in range(args.generations):
            candidates = [optimizer.ask() for _ in range(args.population)]
            losses = pool.map(sphere, [c.value.tolist() for c in candidates], chunksize=64)
            for candidate, loss in zip(candidates, losses, strict=True):
                optimizer.tell(candidate, loss)
            optimizer.dump(args.folder / "optimizer.pkl")
        meter.stop()
    meter.report(args.population * args.generations)


if __name__ == "__main__":
    main()
