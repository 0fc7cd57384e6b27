"""dask.distributed: a scheduler in this process, one worker process a CPU by one srun."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import scale_task
from dask.distributed import Client, LocalCluster


def main() -> None:
    args = scale_task.arguments()
    nodes = int(os.environ["SLURM_JOB_NUM_NODES"])
    cluster = LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address=None)
    step = ["srun", "--no-kill", "--kill-on-bad-exit=0", "-W0", "--overlap", f"--nodes={nodes}"]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", cluster.scheduler_address]
    size = ["--nworkers", str(args.workers // nodes), "--nthreads", "1", "--no-dashboard"]
    workers = subprocess.Popen(
        [*step, f"--ntasks={nodes}", *worker, *size, "--local-directory", args.folder],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    client = Client(cluster)
    try:
        evaluate = partial(scale_task.evaluate, seconds=args.seconds)
        submit = partial(client.submit, evaluate, pure=False)
        submit([[0.0] * 10]).result()
        client.wait_for_workers(args.workers)
        scale_task.measure(submit, args)
    finally:
        client.shutdown()
        workers.terminate()
        workers.wait()


if __name__ == "__main__":
    main()
