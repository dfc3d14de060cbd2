#!/usr/bin/env bash
# What comments and scripts cite exists: FOLDER/README.md, "Heading" names a heading of that page, FOLDER/README.md, Q11 (and any
# Qn in a comment) a row of worker/README.md's table of quirks. Pages outside the repository are not cited.
set -euo pipefail
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/../..}"
faults=0
cited=0
wrong() { echo "$1"; faults=$((faults + 1)); }

sources() {
    find CMakeLists.txt proto cluster worker coordinator configs tests -type f \
        \( -name '*.c' -o -name '*.h' -o -name '*.proto' -o -name '*.sh' -o -name '*.py' -o -name '*.cmake' -o -name '*.yaml' \
        -o -name 'CMakeLists.txt' -o -name '*.txt' \) -not -path 'tests/layout/*' -print0
}
headings() { sed -n 's/^#\{1,6\} *//p' "$1"; }

while IFS=: read -r file line text; do
    while [[ $text =~ ([A-Za-z_/]*README\.md)(.*) ]]; do
        page=${BASH_REMATCH[1]}
        text=${BASH_REMATCH[2]}
        cited=$((cited + 1))
        if [ ! -f "$page" ]; then
            wrong "$file:$line: cites $page, which is not there"
        elif [[ $text =~ ^,\ \"([^\"]+)\" ]]; then
            headings "$page" | grep -qxF -- "${BASH_REMATCH[1]}" ||
                wrong "$file:$line: cites $page, \"${BASH_REMATCH[1]}\": no such heading"
        fi
    done
done < <(sources | xargs -0 grep -nHE 'README\.md' || true)

while IFS=: read -r file line quirk; do
    grep -qE "^\| *$quirk *\|" worker/README.md || wrong "$file:$line: cites $quirk, which worker/README.md does not have"
    cited=$((cited + 1))
done < <(sources | xargs -0 grep -noHwE 'Q[0-9]+' || true)

while IFS=: read -r file line text; do
    wrong "$file:$line: cites a page that is not in the repository: $text"
done < <(sources | xargs -0 grep -nHoE '\b(design|method|house|contracts|elastic|examples-to-follow)\.md\b' || true)

[ "$cited" -gt 20 ] || wrong "only $cited citations were found"
[ "$faults" = 0 ] || { echo "$faults citations that lead nowhere"; exit 1; }
echo "$cited citations, all to be found"
