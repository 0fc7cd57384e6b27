"""The floor: a process pool of the standard library, chunked as l2l does; nothing is kept."""

import random
from concurrent.futures import ProcessPoolExecutor

from measure import DIMENSIONS, HIGH, LOW, Meter, arguments, sphere

CHUNK = 64


def main() -> None:
    args = arguments()
    rng = random.Random(1)
    with ProcessPoolExecutor(args.workers) as pool:
        list(pool.map(sphere, [[0.0] * DIMENSIONS] * 256, chunksize=CHUNK))
        meter = Meter()
        for _ in range(args.generations):
            points = [
                [rng.uniform(LOW, HIGH) for _ in range(DIMENSIONS)] for _ in range(args.population)
            ]
            min(pool.map(sphere, points, chunksize=CHUNK))
        meter.stop()
    meter.report(args.population * args.generations)


if __name__ == "__main__":
    main()
