#!/bin/bash
# Power failure of a virtual node: its slurmd, its slurmstepds and all that its jobs started there
# die by SIGKILL, whatever session they moved to.
#   kill_node.sh n2                 start_slurm.sh brings the node back
#   kill_node.sh n2 --list          only prints the processes that would die with slurmd
#   kill_node.sh n2 --daemon-only   only slurmd dies: the node does not answer, its tasks go on
BASE=${SLURM_TEST_BASE:-/tmp/slurmtest}
NODE=$1
pidfile="$BASE/run/slurmd.$NODE.pid"

# All that a job starts on the node carries the node's name and this cluster's configuration in its
# environment; a slurmstepd is the parent of such a process, or holds a socket of the node's spool.
tasks() {
  for file in $(grep -alzx "SLURMD_NODENAME=$NODE" /proc/[0-9]*/environ 2>/dev/null); do
    grep -qazx "SLURM_CONF=$BASE/slurm.conf" "$file" 2>/dev/null || continue
    pid=${file#/proc/}
    echo "${pid%/environ}"
  done
}
steps() {
  for pid in "$@"; do
    parent=$(awk '/^PPid/ {print $2}' "/proc/$pid/status" 2>/dev/null)
    [ "$(cat "/proc/$parent/comm" 2>/dev/null)" = slurmstepd ] && echo "$parent"
  done
  inodes=$(awk -v spool="$BASE/spool/$NODE/" 'index($8, spool) {print $7}' /proc/net/unix)
  [ -n "$inodes" ] || return
  for pid in $(grep -lx slurmstepd /proc/[0-9]*/comm 2>/dev/null | cut -d/ -f3); do
    for inode in $inodes; do
      find "/proc/$pid/fd" -lname "socket:\[$inode\]" 2>/dev/null | grep -q . && echo "$pid"
    done
  done
}
descendants() {
  awk '/^Pid/ {pid = $2} /^PPid/ {parent[pid] = $2}
       END {n = split(list, given, " "); for (i = 1; i <= n; i++) mark[given[i]] = 1
            do { more = 0; for (p in parent) if (!(p in mark) && (parent[p] in mark)) { mark[p] = 1; more = 1 } } while (more)
            for (p in parent) if (p in mark) print p}' list="$*" /proc/[0-9]*/status 2>/dev/null
}
doomed() {  # never this script, nor what it was started by
  found=$(tasks)
  stepds=$(steps $found)
  mine=$(pid=$$; while [ "${pid:-0}" -gt 0 ]; do echo "$pid"; pid=$(awk '/^PPid/ {print $2}' "/proc/$pid/status" 2>/dev/null); done)
  # slurmstepds first: a node without power does not report how its tasks ended
  { echo "$stepds"; descendants $found $stepds; } | grep -vxF -e "" -e 0 -e 1 -f <(echo "$mine") | awk '!seen[$0]++'
}
[ "${2:-}" = --list ] && { doomed; exit 0; }
daemon=$(cat "$pidfile" 2>/dev/null)
[ "$(cat "/proc/$daemon/comm" 2>/dev/null)" = slurmd ] && kill -9 "$daemon" 2>/dev/null
rm -f "$pidfile"
[ "${2:-}" = --daemon-only ] && exit 0
for _ in 1 2 3 4 5; do  # again, because what is killed may just have started something
  pids=$(doomed)
  [ -n "$pids" ] || break
  kill -9 $pids 2>/dev/null
done
exit 0
