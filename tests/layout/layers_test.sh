#!/usr/bin/env bash
# The test of layers.sh: a small made-up tree with an arrow up must fail, and so must the other things that it forbids.
set -euo pipefail
layers=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/layers.sh
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
fail() { echo "FAILED: $*"; exit 1; }

mkdir -p "$tree"/{proto,cluster/{base,comm},worker/model/deep,coordinator}
cat > "$tree/table" << 'TABLE'
# Comments and empty lines say nothing.
proto

cluster/base
cluster/comm   cluster/base
worker/model   cluster
coordinator    cluster worker
<mpi.h>        cluster/comm/comm.h
TABLE
for _ in {1..500}; do echo '#include "cluster/base/a.h"'; done > "$tree/cluster/base/many.c"
echo '#include <mpi.h>' > "$tree/cluster/comm/comm.h"
printf '%s\n' '#include "cluster/comm/comm.h"' '#include "worker/model/deep/b.h"' > "$tree/coordinator/main.c"
printf '%s\n' '#include "worker/model/b.h"' '#include "cluster/base/a.h"' > "$tree/worker/model/deep/b.c"
out=$(bash "$layers" "$tree/table" "$tree") || fail "a tree without an arrow up is refused: $out"

# refused WHAT FILE LINE: the tree with this line in that file fails and says file, line and a word of why.
refused() {
    local what=$1 file=$2 line=$3 out
    mkdir -p "$(dirname "$tree/$file")"
    echo "$line" > "$tree/$file"
    if out=$(bash "$layers" "$tree/table" "$tree"); then fail "$line in $file is let through"; fi
    [[ $out == *"$file:1: "*"$what"*"1 arrows that the layers do not have"* ]] || fail "$line in $file: $out"
    rm "$tree/$file"
}
refused 'includes worker/model/b.h, its row allows cluster/base' cluster/comm/up.c '#include "worker/model/b.h"'
refused 'includes cluster/comm/comm.h' cluster/base/up.h '#  include "cluster/comm/comm.h"'
refused 'includes coordinator/main.h' worker/model/deep/up.c ' #include "coordinator/main.h"'
refused 'includes <mpi.h>, which only cluster/comm/comm.h may' coordinator/library.c '#include <mpi.h>'
refused 'has no row in the table' worker/new/new.c '#include "cluster/base/a.h"'

rm "$tree/cluster/base/many.c"
if out=$(bash "$layers" "$tree/table" "$tree"); then fail "a tree that was not read is let through"; fi
[[ $out == *"only 5 #include lines were found"* ]] || fail "a tree that was not read: $out"
echo "arrows up and other forbidden ones are refused"
