# shellcheck shell=bash
# Sourced by the system tests: arguments MP2 FOLDER WORLD; an empty folder to work in, mpirun with flags that suit one
# machine, and checks that say what they expected.
set -u
mp2=$1
folder=$2
world=$3
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder" || exit 1
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 PMIX_MCA_gds=hash HWLOC_COMPONENTS=-gl

fail() { echo "FAILED: $*" >&2; exit 1; }

# mpi N COMMAND …: under mpirun with N ranks. grace: seconds that mpirun leaves the others when one is dead. How long it takes
# is the machine's affair; ctest's own limit ends what hangs.
grace=0
mpi() {
    local n=$1
    shift
    mpirun --oversubscribe --bind-to none --mca pml ob1 --mca btl vader,tcp,self \
        --mca btl_vader_single_copy_mechanism none --mca odls_base_sigkill_timeout "$grace" -n "$n" "$@"
}

# What tests that compare bytes of several processes compute with: auto would time both, each time anew.
precision=f32
if grep -q avx512_bf16 /proc/cpuinfo; then precision=bf16; fi

# The sha256 of a checkpoint: that of its files in name order.
sha() { cat "$1"/* | sha256sum | cut -d' ' -f1; }

# wait_for TAG FILE: until a log line with the tag stands in the file that a job of the script's writes.
wait_for() {
    local running=1
    while [ -n "$running" ]; do
        running=$(jobs -pr)
        grep -q " $1 " "$2" 2> /dev/null && return 0
        sleep 0.1
    done
    fail "all ended without \"$1\" in $2: $(tail -5 "$2")"
}

# kill_rank RANK OF COMMAND… : kills that rank of a job of OF ranks, started last, when COMMAND (sees a step, say) succeeds; the
# ranks are found before, so that the signal follows at once. $words: what stands behind "mp2" in the job's command line.
kill_rank() {
    local rank=$1 of=$2 job=$! pids=()
    shift 2
    while kill -0 $job 2> /dev/null && [ ${#pids[@]} != "$of" ]; do
        # shellcheck disable=SC2154
        mapfile -t pids < <(pgrep -f "$mp2 $words" | while read -r p; do
            [ "$(cat "/proc/$p/comm" 2> /dev/null)" = mp2 ] && echo "$p"; done | sort -n)
    done
    while kill -0 $job 2> /dev/null && ! "$@" 2> /dev/null; do sleep 0.01; done
    [ ${#pids[@]} = "$of" ] && kill -9 "${pids[$rank]}" 2> /dev/null
    wait $job
}

# small_world: model/, data/ and small.yaml for pretrain on three tasks.
small_world() {
    "$world" . "$@" || fail "world"
    "$mp2" data import --raw raw --data data --vocab vocab.txt --catalogue "$top/configs/tasks" > import.txt 2>&1 || fail "import: $(cat import.txt)"
    cat > small.yaml << YAML
run: run
model: model
data: data
tasks: [afqmc, ccpm, cmrc2018]
prompt:
  tokens: 7
  modules: 4
  intrinsic: 9
  first_placeholder: 5
  max_length: 100
train:
  steps: 8
  batch: 27
  router_rate: 5e-3
  rate: 1e-3
eval:
  every: 0
  final: false
checkpoint:
  every: 50
machine:
  threads: 1
  precision: $precision
watch:
  listen: ""
YAML
}

# ---- mp2 launch ----

# launch RUN [options of launch]: keeps a pretraining going, in the background, with the script's launch_options and options;
# its log is RUN.txt. $!: the supervisor, for the script's $supervisor.
launch() {
    local run=$1
    shift
    # shellcheck disable=SC2086,SC2154
    "$mp2" launch "${launch_options[@]}" "$@" -- pretrain small.yaml --set run="$run" $options >> "$run.txt" 2>&1 &
}
# The process of a rank of a run; nothing when it is not there.
rank() { # RUN RANK
    local p
    for p in $(pgrep -x mp2); do
        { tr '\0' '\n' < "/proc/$p/environ"; } 2> /dev/null | grep -qx "MP2_LAUNCH_RUN=$folder/$1" &&
            { tr '\0' '\n' < "/proc/$p/environ"; } 2> /dev/null | grep -qx "OMPI_COMM_WORLD_RANK=$2" && echo "$p"
    done
}
# A number of the run's heartbeat.
value() { sed -n "s/.*\"$2\":\([0-9.]*\).*/\1/p" "$1/launch/heartbeat" 2> /dev/null; }
# Until the epoch after EPOCH has made a step; prints it.
after() { # RUN EPOCH
    local now
    # shellcheck disable=SC2154
    while kill -0 "$supervisor" 2> /dev/null; do
        now=$(value "$1" epoch)
        [ "${now:-0}" -gt "$2" ] && [ "$(value "$1" first_step)" != 0.000 ] && echo "$now" && return
        sleep 0.05
    done
    fail "the supervisor of $1 has ended: $(tail -5 "$1.txt")"
}
