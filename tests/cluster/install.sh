#!/bin/sh
# Install what the tests need of the system, where apt-get and root (or sudo without a password) are
# there. Says which tests are left out otherwise. Starts no daemon, and leaves none enabled.
need="" done=""
add() { command -v "$1" > /dev/null 2>&1 || need="$need $2"; }
PATH="$PATH:/usr/sbin:/sbin"
add cc "gcc libc6-dev"
add strace strace
add slurmctld slurmctld
add slurmd slurmd
add srun slurm-client
add munged munge
add jube jube
[ -n "$need" ] || exit 0

as_root=""
[ "$(id -u)" = 0 ] || as_root="sudo -n"
policy=/usr/sbin/policy-rc.d
install() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $need > /dev/null; }
if command -v apt-get > /dev/null && { [ -z "$as_root" ] || $as_root true 2> /dev/null; }; then
  ours=""
  if [ ! -e "$policy" ]; then  # while it says 101, no package starts its daemon
    ours=1
    trap '$as_root rm -f "$policy"' EXIT INT TERM
    printf '#!/bin/sh\nexit 101\n' | $as_root sh -c "cat > $policy; chmod 755 $policy"
  fi
  { install || { $as_root apt-get update -qq && install; }; } 2> /dev/null && done=1
  [ -z "$ours" ] || $as_root rm -f "$policy"
  for unit in slurmctld slurmd munge; do
    case "$need" in *$unit*) $as_root systemctl disable --quiet $unit 2> /dev/null ;; esac
  done
fi
[ -n "${done:-}" ] || echo "could not install:$need. The tests that need them are skipped, visibly" \
  "(a C compiler: kills at each system call; slurm and munge: the cluster; jube: JUBE)"
exit 0
