#!/bin/bash
# Start a private Slurm of several "nodes" on this one machine: no systemd, no cgroups, no /etc/slurm.
#
#   eval "$(tests/cluster/start_slurm.sh)"; srun -N4 hostname      # prints `export SLURM_CONF=...`
#   tests/cluster/stop_slurm.sh --wipe
#
# Starting again is harmless: it starts what is missing, so that a killed node comes back.
# Debian 12: apt-get install --no-install-recommends slurmctld slurmd slurm-client munge
#
# Environment:
#   SLURM_TEST_BASE     folder of everything that the cluster keeps            /tmp/slurmtest
#   SLURM_TEST_NODES    number of nodes                                        4
#   SLURM_TEST_CPUS     CPUs of a node, or one number per node ("4 4 2 8")     4
#   SLURM_TEST_THREADS  hyper-threads of a core (CPUs counts threads)          1
#   SLURM_TEST_MEMORY   memory of a node, in MB                                4000
#   SLURM_TEST_GPUS     GPUs of a node (each is a second /dev/null)            0
#   SLURM_TEST_SELECT   what is allocated: CR_CPU, or CR_CPU_Memory            CR_CPU
#   SLURM_TEST_PORT     first of 11 + nodes ports in a row                     17000
set -euo pipefail
BASE=${SLURM_TEST_BASE:-/tmp/slurmtest}
NODES=${SLURM_TEST_NODES:-4}
read -r -a CPUS <<< "${SLURM_TEST_CPUS:-4}"
THREADS=${SLURM_TEST_THREADS:-1}
MEMORY=${SLURM_TEST_MEMORY:-4000}
GPUS=${SLURM_TEST_GPUS:-0}
SELECT=${SLURM_TEST_SELECT:-CR_CPU}
PORT=${SLURM_TEST_PORT:-17000}
HOST=$(hostname -s)
fail() { echo "start_slurm: $*" >&2; exit 1; }
alive() {  # a pid may have become another program's since
  [ -s "$1" ] && grep -qxE 'slurmctld|slurmd|munged' "/proc/$(cat "$1")/comm" 2>/dev/null
}

# What a job of this or of another Slurm left in the environment must not reach the daemons.
for name in $(compgen -e | grep -E '^(SLURM_|SLURMD_|SRUN_|SBATCH_|SALLOC_|PMI_)' | grep -v '^SLURM_TEST_'); do
  unset "$name"
done
[ "$(id -u)" = 0 ] || fail "needs root, because slurmd starts tasks as other users"
for tool in slurmctld slurmd munged srun sbatch; do
  command -v $tool > /dev/null || fail "$tool is missing: apt-get install --no-install-recommends slurmctld slurmd slurm-client munge"
done
mkdir -p "$BASE"/{state,spool,log,run,munge,gpus}
chmod 700 "$BASE/munge"
chmod 755 "$BASE" "$BASE/run"

# munge: own key and own socket. Daemons must not keep the caller's stdout open (pytest and CI
# would wait for its end), so everything is redirected.
if [ ! -s "$BASE/munge/key" ]; then
  head -c 1024 /dev/urandom > "$BASE/munge/key"
  chmod 400 "$BASE/munge/key"
fi
if ! alive "$BASE/munge/pid"; then
  munged --force --key-file="$BASE/munge/key" --socket="$BASE/run/munge.sock" \
    --pid-file="$BASE/munge/pid" --log-file="$BASE/munge/log" --seed-file="$BASE/munge/seed" \
    >> "$BASE/munge/out" 2>&1 < /dev/null
fi

cat > "$BASE/slurm.conf" << CONF
ClusterName=test
SlurmctldHost=$HOST(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
# A requeued job starts only when its old credential has expired: 120 s if this is not set.
AuthInfo=socket=$BASE/run/munge.sock,cred_expire=5
SlurmctldPort=$PORT
SlurmdPort=$((PORT + 1))
StateSaveLocation=$BASE/state
SlurmdSpoolDir=$BASE/spool/%n
SlurmctldPidFile=$BASE/run/slurmctld.pid
SlurmdPidFile=$BASE/run/slurmd.%n.pid
SlurmctldLogFile=$BASE/log/slurmctld.log
SlurmdLogFile=$BASE/log/slurmd.%n.log
# nothing that needs cgroups, systemd or devices
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=5
SwitchType=switch/none
MpiDefault=none
# nodes claim more CPUs and memory than the machine has
SlurmdParameters=config_overrides
SelectType=select/cons_tres
SelectTypeParameters=$SELECT
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2,sched_min_interval=0
# quick reactions, for tests
ReturnToService=2
SlurmdTimeout=10
SlurmctldTimeout=30
KillWait=3
MinJobAge=600
# MPICH names shared memory after job and step: those of two clusters must differ
FirstJobId=$((1000 + RANDOM))
InactiveLimit=0
JobRequeue=1
MaxArraySize=1001
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$BASE/log/jobcomp.log
CONF
[ "$GPUS" = 0 ] || echo "GresTypes=gpu" >> "$BASE/slurm.conf"
: > "$BASE/gres.conf"
for i in $(seq 1 "$NODES"); do
  cpus=${CPUS[$(((i - 1) % ${#CPUS[@]}))]}
  line="NodeName=n$i NodeHostname=$HOST NodeAddr=127.0.0.1 Port=$((PORT + 10 + i)) CPUs=$cpus"
  line="$line Sockets=1 CoresPerSocket=$((cpus / THREADS)) ThreadsPerCore=$THREADS"
  line="$line RealMemory=$MEMORY State=UNKNOWN"
  if [ "$GPUS" != 0 ]; then
    for g in $(seq 0 $((GPUS - 1))); do  # slurmd wants character devices: these are /dev/null
      [ -c "$BASE/gpus/n$i-gpu$g" ] || mknod "$BASE/gpus/n$i-gpu$g" c 1 3
    done
    echo "NodeName=n$i Name=gpu File=$BASE/gpus/n$i-gpu[0-$((GPUS - 1))]" >> "$BASE/gres.conf"
    line="$line Gres=gpu:$GPUS"
  fi
  echo "$line" >> "$BASE/slurm.conf"
done
memory=""
[ "$SELECT" = CR_CPU ] || memory="DefMemPerCPU=100"
cat >> "$BASE/slurm.conf" << CONF
PartitionName=debug Nodes=n[1-$NODES] Default=YES MaxTime=INFINITE DefaultTime=10 State=UP $memory
PartitionName=short Nodes=n[1-$NODES] MaxTime=5 DefaultTime=1 State=UP $memory
CONF
touch "$BASE/log/jobcomp.log"
export SLURM_CONF="$BASE/slurm.conf"

alive "$BASE/run/slurmctld.pid" || slurmctld -f "$SLURM_CONF" >> "$BASE/log/out" 2>&1 < /dev/null
for i in $(seq 1 "$NODES"); do
  mkdir -p "$BASE/spool/n$i"
  alive "$BASE/run/slurmd.n$i.pid" \
    || slurmd -f "$SLURM_CONF" -N "n$i" >> "$BASE/log/out" 2>&1 < /dev/null
done

# A node that was killed a moment ago still counts as up: its slurmd must listen, too.
for i in $(seq 1 "$NODES"); do
  for _ in $(seq 1 100); do
    (: < "/dev/tcp/127.0.0.1/$((PORT + 10 + i))") 2>/dev/null && break
    sleep 0.1
  done
done
up=0
for _ in $(seq 1 300); do
  up=$(timeout 10 sinfo -h -N -p debug -o %t 2>/dev/null | grep -cE '^(idle|mix|alloc|comp)$' || true)
  [ "$up" -ge "$NODES" ] && break
  sleep 0.1
done
if [ "$up" -lt "$NODES" ]; then
  sinfo -N -l >&2 || true
  tail -n 20 "$BASE"/log/*.log >&2 || true
  fail "only $up of $NODES nodes are up"
fi
echo "export SLURM_CONF=$SLURM_CONF"
