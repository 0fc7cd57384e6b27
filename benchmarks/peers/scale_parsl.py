"""Bare Parsl: its HighThroughputExecutor in an allocation, a manager a node by one srun."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import scale_task
from parsl.executors import HighThroughputExecutor


def main() -> None:
    args = scale_task.arguments()
    nodes = int(os.environ["SLURM_JOB_NUM_NODES"])
    per_node = args.workers // nodes
    engine = HighThroughputExecutor(
        label="bare", max_workers_per_node=per_node, encrypted=False, address="127.0.0.1"
    )
    engine.run_dir = args.folder
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    engine.start()
    step = ["srun", "--no-kill", "--kill-on-bad-exit=0", "-W0", "--overlap", "--ntasks-per-node=1"]
    manager = engine.launch_cmd.format(block_id="0")
    managers = subprocess.Popen(
        [*step, f"--nodes={nodes}", f"--ntasks={nodes}", "sh", "-c", manager],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent), "PARSL_CORES": str(per_node)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        evaluate = partial(scale_task.evaluate, seconds=args.seconds)
        scale_task.measure(lambda chunk: engine.submit(evaluate, {}, chunk), args)
    finally:
        managers.terminate()
        managers.wait()
        engine.shutdown()


if __name__ == "__main__":
    main()
