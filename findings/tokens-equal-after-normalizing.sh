#!/usr/bin/env bash
# tokenizers 0.23.3: of two added tokens that are equal after normalizing, a text gets the one or the other, from run to run.
# Package: tokenizers 0.23.3, alone (transformers 5.24.0 on top of it behaves the same), beside 0.22.2.
# Expected: a rule, such as the token that was added first, or the one written as the text has it: the same file and the same
#   text should give the same ids. The guess before was "the one added last".
# Seen: the tokens <E1> and <e1>, both "normalized" (what add_tokens makes), after a lower-case BERT normalizer. The text "<e1>"
#   becomes the id of the one or of the other when one and the same file is loaded by one process after another; 0.22.2 always
#   took the token that was added first. Two markers that differ in case are what relation data have; a model is trained with the
#   one and asked with the other.
# Output: "0.22.2: the ids of <e1> in 40 processes that load one file: 4", "0.23.3: … 4 5".
# System: Debian 12, Python 3.11.
# What to do: add such markers as special tokens (add_special_tokens: not normalized), or let no two be equal in lower case.
#   mp2 refuses a folder with two such tokens (coordinator/text/token_cutter.c).
# Upstream: no issue known.
set -euo pipefail
place=$(mktemp -d); trap 'rm -rf "$place"' EXIT
changed=0
for version in 0.22.2 0.23.3; do
    want="4 5 "
    [ $version = 0.23.3 ] || want="4 "
    python3 -m venv "$place/$version" && "$place/$version/bin/pip" -q install --no-deps "tokenizers==$version" || exit 77
    "$place/$version/bin/python" - "$place/$version.json" << 'END'
import sys
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

t = Tokenizer(models.WordPiece({"[UNK]": 0, "<": 1, "e1": 2, ">": 3}, unk_token="[UNK]"))
t.normalizer = normalizers.BertNormalizer(lowercase=True)
t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
t.add_tokens([AddedToken("<E1>"), AddedToken("<e1>")])
t.save(sys.argv[1])
END
    seen=$(for _ in $(seq 40); do
        "$place/$version/bin/python" -c 'import sys, tokenizers; print(*tokenizers.Tokenizer.from_file(sys.argv[1]).encode("<e1>").ids)' \
            "$place/$version.json"
    done | sort -u | tr '\n' ' ')
    echo "$version: the ids of <e1> in 40 processes that load one file: $seen"
    [ "$seen" = "$want" ] || changed=1
done
exit $changed
