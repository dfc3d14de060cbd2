#!/usr/bin/env bash
# Help, manual pages and completions say the same: all come from the tables of commands and options.
. "$(dirname "$0")/common.sh"
"$mp2" help --pages pages || fail "mp2 help --pages"

# A page a command, and in it every option that help has.
mapfile -t commands < <("$mp2" help | sed -n 's/^  \([a-z-]*\) .*/\1/p')
[ ${#commands[@]} -gt 15 ] || fail "commands: ${commands[*]}"
for command in "${commands[@]}"; do
    [ -f "pages/mp2-$command.1" ] || fail "no page of $command"
    grep -qF "\fB${command//-/\\-}\fR" pages/mp2.1 || fail "$command is not in mp2(1)"
    "$mp2" help "$command" > "$command.txt" || fail "mp2 help $command"
    "$mp2" "$command" --help | cmp - "$command.txt" || fail "$command --help is not help $command"
    while read -r option; do
        grep -qF "\\fB$option\\fR" "pages/mp2-$command.1" || fail "$option is not in mp2-$command(1)"
        grep -qF " '$option:" pages/_mp2 || fail "$option is not in zsh's completion"
        grep -qF " '$option'" pages/mp2.bash || fail "$option is not in bash's completion"
    done < <(grep -oE '^  [a-z][a-z_0-9.]+ +(whole number|number|true|text|list|[a-z0-9]+\|)' "$command.txt" | awk '{print $1}')
done
grep -q '^  train.steps ' pretrain.txt || fail "mp2 help pretrain: $(head pretrain.txt)"
echo "ok pages of ${#commands[@]} commands"

if command -v groff > /dev/null; then
    for page in pages/*.1; do
        groff -k -man -Tutf8 -ww -z "$page" 2> groff.txt || fail "groff $page"
        [ ! -s groff.txt ] || fail "$page: $(head -3 groff.txt)"
    done
    echo "ok groff"
fi

# What bash offers behind the words; the last one is the one under the cursor. It splits at "=".
offered() {
    # shellcheck disable=SC2016
    bash --norc -c 'compopt() { :; }; . pages/mp2.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _mp2; echo "${COMPREPLY[*]}"' - "$@"
}
expect() {
    local wanted=$1
    shift
    [ "$(offered "$@")" = "$wanted" ] || fail "$*: offered \"$(offered "$@")\", expected \"$wanted\""
}
[ "$(offered mp2 pre | tr ' ' '\n' | sort | xargs)" = "predict pretrain" ] || fail "mp2 pre: $(offered mp2 pre)"
expect "train.steps=" mp2 pretrain my.yaml --set train.st
expect "--train.steps" mp2 pretrain my.yaml --train.st
expect "avx2 avx512 avx512bf16" mp2 pretrain --machine.isa av
expect "avx2 avx512 avx512bf16" mp2 pretrain --set machine.isa = av
expect "true false" mp2 pretrain --set machine.exact =
expect "--resume" mp2 run -n 3 pretrain my.yaml --res
expect "--strict" mp2 data import --st
expect "--train.steps" mp2 data show --train.st
expect "stats" mp2 data sta
expect "--offsets" mp2 tokenize --off
expect "" mp2 pretrain my
echo "ok bash"
if command -v zsh > /dev/null; then
    zsh -n pages/_mp2 || fail "zsh cannot read its completion"
fi
"$mp2" --version | grep -qE '^mp2 [0-9.]+, revision ' || fail "$("$mp2" --version)"
MP2_MAX_ISA=avx "$mp2" stop nowhere 2>&1 | grep -q nowhere || fail "an unknown MP2_MAX_ISA"
