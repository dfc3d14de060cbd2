#!/usr/bin/env bash
# cmake --install into DESTDIR, by components; the tree moved elsewhere runs the quick start from its own files, from a folder of
# somebody who may not write into it.
. "$(dirname "$0")/common.sh"
build=$(dirname "$mp2")
[ -f "$build/pages/mp2.1" ] || { echo "skipped: $build has no pages, it is no whole build"; exit 77; }

DESTDIR=$folder/stage cmake --install "$build" --prefix /opt/mp2 > install.txt || fail "install: $(tail -3 install.txt)"
[ "$(ls stage stage/opt)" = "$(printf 'stage:\nopt\n\nstage/opt:\nmp2')" ] || fail "beside DESTDIR: $(find stage -maxdepth 2)"
# component NAME FILE…: what it alone installs begins with these.
component() {
    local name=$1 file
    shift
    DESTDIR=$folder/alone-$name cmake --install "$build" --prefix /p --component "$name" > "$name.txt" || fail "$name: $(cat "$name.txt")"
    for file in "$@"; do
        [ -e "alone-$name/p/$file" ] || fail "component $name has no $file: $(find "alone-$name")"
        [ -e "stage/opt/mp2/$file" ] || fail "all of it has no $file"
        rm -r "alone-$name/p/$file"
    done
    [ -z "$(find "alone-$name" -type f)" ] || fail "component $name has more: $(find "alone-$name" -type f)"
}
component program bin/mp2
component monitor bin/mp2-monitor share/man/man1/mp2-monitor.1
component configs share/mp2/configs
component dashboards share/mp2/dashboards
component man share/man/man1/mp2.1 share/man/man1/mp2-pretrain.1 share/man/man1
component completion share/bash-completion/completions/mp2 share/zsh/vendor-completions/_mp2
grep -q "$top\|$build" -r stage/opt/mp2/share && fail "an installed file names the source tree"
echo "ok components"

mkdir elsewhere
mv stage/opt/mp2 elsewhere/moved
chmod -R a-w elsewhere/moved
trap 'chmod -R u+w "$folder/elsewhere"' EXIT
moved=$folder/elsewhere/moved
mkdir work
touch installed
cd work || exit 1
"$moved/share/mp2/configs/quickstart.sh" --fresh --set train.steps=2 --set eval.every=0 > ../quickstart.txt 2>&1 ||
    fail "quick start: $(tail -5 ../quickstart.txt)"
grep -q '^45 tasks imported, 0 left out' ../quickstart.txt || fail "its tasks' entries: $(cat ../quickstart.txt)"
grep -q '^labels and choices  *33 tasks' runs/quickstart/table.txt || fail "table: $(tail -3 runs/quickstart/table.txt)"
"$moved/bin/mp2-monitor" watch --plain --once runs/quickstart/run > ../watch.txt 2>&1 || fail "monitor: $(cat ../watch.txt)"
[ "$(ls)" = runs ] || fail "left in the current folder: $(ls)"
[ -z "$(find "$moved" -newer ../installed)" ] || fail "written into the installed tree: $(find "$moved" -newer ../installed)"
echo "ok quick start of a moved tree"
