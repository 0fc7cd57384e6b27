#!/bin/bash
# Cancel all jobs of the cluster in $SLURM_TEST_BASE and end its daemons: exactly those whose pid
# files lie there.
#   stop_slurm.sh [--wipe]     --wipe also deletes all that it kept: the next start is a new cluster
BASE=${SLURM_TEST_BASE:-/tmp/slurmtest}
export SLURM_CONF="$BASE/slurm.conf"
ours() { grep -qxE 'slurmctld|slurmd|munged' "/proc/$1/comm" 2>/dev/null; }  # pids are used again
alive() { [ -s "$1" ] && ours "$(cat "$1")"; }

if alive "$BASE/run/slurmctld.pid"; then
  for state in PENDING RUNNING SUSPENDED; do timeout 10 scancel --state=$state 2>/dev/null; done
  for _ in $(seq 1 50); do
    [ -z "$(timeout 5 squeue -h 2>/dev/null)" ] && break
    sleep 0.2
  done
fi
pids=$(cat "$BASE"/run/slurmd.*.pid "$BASE/run/slurmctld.pid" "$BASE/munge/pid" 2>/dev/null)
for pid in $pids; do ours "$pid" && kill "$pid" 2>/dev/null; done
for pid in $pids; do
  for _ in $(seq 1 100); do ours "$pid" || break; sleep 0.1; done
  ours "$pid" && kill -9 "$pid" 2>/dev/null
done
[ "${1:-}" = --wipe ] && rm -rf "$BASE"
exit 0
