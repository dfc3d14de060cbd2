#!/usr/bin/env bash
# Every relative link of every page leads to a file that is there and, after #, to a heading of it; README.md is short.
set -euo pipefail
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/../..}"
faults=0
links=0
wrong() { echo "$1"; faults=$((faults + 1)); }

# anchors PAGE: what its headings are called in links: small letters, no punctuation, hyphens for blanks.
anchors() {
    # shellcheck disable=SC2016
    sed -n '/^```/,/^```/!s/^#\{1,6\} *//p' "$1" | tr '[:upper:]' '[:lower:]' | sed 's/[^[:alnum:]_ -]//g; s/ /-/g'
}

while IFS= read -r page; do
    folder=$(dirname "$page")
    while IFS=: read -r line link; do
        target=${link#*](}
        target=${target%)}
        case $target in http://* | https://* | mailto:*) continue ;; esac
        links=$((links + 1))
        file=${target%%#*}
        path=$page
        [ -z "$file" ] || path=$folder/$file
        if [ ! -e "$path" ]; then
            wrong "$page:$line: $target is not there"
        elif [[ $target == *#* ]]; then
            anchors "$path" | grep -qxF -- "${target#*#}" || wrong "$page:$line: $path has no heading #${target#*#}"
        fi
    done < <(grep -noE '\[[^]]*\]\([^) ]+\)' "$page" || true)
done < <(find . -name '*.md' -not -path './build*' -not -path './.git/*' -not -path './runs/*' | sed 's|^\./||' | sort)

[ "$(wc -l < README.md)" -le 150 ] || wrong "README.md has $(wc -l < README.md) lines, at most 150 are wanted"
long=$(awk 'length($0) > 120' README.md | wc -l)
[ "$long" = 0 ] || wrong "README.md has $long lines of more than 120 columns"
[ "$links" -gt 20 ] || wrong "only $links links were found"
[ "$faults" = 0 ] || { echo "$faults links that lead nowhere"; exit 1; }
echo "$links links, all to be found"
