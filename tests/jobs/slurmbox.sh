#!/usr/bin/env bash
# A private SLURM on this machine for tests: munged, slurmctld and one slurmd for each emulated
# node, all in one folder.
#   slurmbox.sh start DIR [NODES]   then: export SLURM_CONF=DIR/slurm.conf; sbatch ...
#   slurmbox.sh stop DIR
# Every node has its own UTS and mount namespace, host name and /dev/shm, so MPI sees several hosts
# and must talk over the network. Exit code 77: it cannot run here, and the last line says why
# (SLURM not installed, not root, no namespaces).
set -euo pipefail

skip() { printf 'slurmbox: skipped: %s\n' "$1" >&2; exit 77; }
[ $# -ge 2 ] || { echo "usage: slurmbox.sh start DIR [NODES] | stop DIR" >&2; exit 2; }
verb=$1
box=$(realpath -m "$2")
nodes=${3:-2}
host=$(uname -n)
PATH=$PATH:/usr/sbin:/sbin
export SLURM_CONF=$box/slurm.conf

check_that_it_can_run() {
  local tool
  for tool in munged slurmctld slurmd sbatch srun; do
    command -v "$tool" >/dev/null || skip "$tool is not installed (Debian: slurm-wlm munge)"
  done
  [ "$(id -u)" -eq 0 ] || skip "slurmd needs root"
  unshare --mount --uts true 2>/dev/null || skip "no right to make namespaces"
}

# As many free ports in a row as asked for, printed as the first of them.
free_ports() {
  local first port
  for first in $(seq 17000 $(($1 + 1)) 30000); do
    for port in $(seq "$first" $((first + $1))); do
      ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || continue 2
    done
    printf '%s' "$first"
    return
  done
  skip "no free ports between 17000 and 30000"
}

write_configuration() {
  local first n
  first=$(free_ports "$nodes")
  # cred_expire: a requeued job starts after it: two minutes by default, 5 s at least.
  # batch_sched_delay, *_interval: no waiting in tests.
  cat >"$SLURM_CONF" <<CONF
ClusterName=box
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$first
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$box/run/munge.sock,cred_expire=5
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation=$box/state
SlurmdSpoolDir=$box/spool/%n
TmpFS=$box/tmp/%n
SlurmctldPidFile=$box/run/slurmctld.pid
SlurmdPidFile=$box/run/slurmd.%n.pid
SlurmctldLogFile=$box/log/slurmctld.log
SlurmdLogFile=$box/log/slurmd.%n.log
MailProg=/bin/true
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=pmix
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$box/log/jobcomp.txt
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=2
MinJobAge=600
JobRequeue=1
PropagateResourceLimits=NONE
GresTypes=gpu
CONF
  cp /etc/hosts "$box/hosts"
  for n in $(seq "$nodes"); do
    mkdir -p "$box/spool/n$n" "$box/tmp/n$n"
    echo "NodeName=n$n NodeHostname=$host NodeAddr=127.0.0.1 Port=$((first + n)) CPUs=8" \
      "RealMemory=1000 Gres=gpu:2 State=UNKNOWN" >>"$SLURM_CONF"
    echo "127.0.0.1 n$n" >>"$box/hosts"
  done
  echo "PartitionName=main Nodes=n[1-$nodes] Default=YES MaxTime=INFINITE State=UP" >>"$SLURM_CONF"
  # two devices that are none, for CUDA_VISIBLE_DEVICES
  printf 'Name=gpu File=/dev/null\nName=gpu File=/dev/zero\n' >"$box/gres.conf"
}

start_daemons() {
  local n
  head -c 128 /dev/urandom >"$box/munge/key"
  chmod 400 "$box/munge/key"
  munged --force --key-file="$box/munge/key" --socket="$box/run/munge.sock" \
    --pid-file="$box/run/munged.pid" \
    --log-file="$box/log/munged.log" --seed-file="$box/munge/seed"
  slurmctld -c -f "$SLURM_CONF"
  for n in $(seq "$nodes"); do
    # shellcheck disable=SC2016  # the inner shell expands them
    unshare --mount --uts bash -ec '
      hostname "$1"; mount --make-rprivate /; mount -t tmpfs -o size=1g tmpfs /dev/shm
      mount --bind "$2/hosts" /etc/hosts; exec slurmd -f "$2/slurm.conf" -N "$1"' _ "n$n" "$box"
  done
}

wait_for_nodes() {
  for _ in $(seq 200); do
    if [ "$(sinfo -h -N -o %t 2>/dev/null | grep -cx idle)" = "$nodes" ]; then return; fi
    sleep 0.1
  done
  tail -n 5 "$box"/log/*d*.log >&2 || true
  stop_daemons
  skip "the nodes did not become idle within 20 s"
}

is_ours() { grep -qsE '^(slurmd|slurmctld|munged)$' "/proc/$1/comm"; }  # process ids come again
is_running() { grep -qs '^State:[[:space:]]*[^Z]' "/proc/$1/status"; }

stop_daemons() {
  local file pid pids=()
  scancel --user=root --full 2>/dev/null || true
  for file in "$box"/run/slurmd.*.pid "$box"/run/slurmctld.pid "$box"/run/munged.pid; do
    [ -s "$file" ] || continue
    pid=$(cat "$file")
    if is_ours "$pid" && kill "$pid" 2>/dev/null; then pids+=("$pid"); fi
  done
  for pid in "${pids[@]}"; do
    for _ in $(seq 100); do
      is_running "$pid" || continue 2
      sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
  done
}

case $verb in
  start)
    check_that_it_can_run
    mkdir -p "$box"/{munge,state,log,run,spool,tmp}
    chmod 700 "$box/munge"
    write_configuration
    if ! start_daemons >&2; then
      stop_daemons
      skip "a daemon of SLURM did not start (its message is above)"
    fi
    wait_for_nodes
    ;;
  stop) stop_daemons ;;
  *) echo "usage: slurmbox.sh start DIR [NODES] | stop DIR" >&2; exit 2 ;;
esac
