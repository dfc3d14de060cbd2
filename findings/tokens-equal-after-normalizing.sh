#!/usr/bin/env bash
# tokenizers 0.22.2, 0.23.3: of two added tokens that are equal after normalizing, a text gets the one or the other, from run to run.
# Package: tokenizers 0.22.2 and 0.23.3, alone (transformers 4.57.6 and 5.24.0 on top of them behave the same).
# Expected: a rule, such as the token that was added first, or the one written as the text has it. A tokenizer is a function:
#   the same file and the same text give the same ids. The guess before was "the one added last".
# Seen: the tokens <E1> and <e1>, both "normalized" (what add_tokens makes), behind a lower-case BERT normalizer. The text "<e1>"
#   becomes the id of either, fixed within one Tokenizer object, different between objects of one process that read one file.
#   Two markers that differ in case are what relation data have; a model is trained on the one and asked about the other.
# Output: "0.23.3: the ids of <e1> in 60 tokenizers of one file: {4, 5}", and the same of 0.22.2.
# System: Debian 12, Python 3.11.
# What to do: add such markers as special tokens (add_special_tokens: not normalized), or let no two be equal in lower case.
#   mp2 refuses a folder with two such tokens (coordinator/text/token_cutter.c).
# Upstream: no issue known.
set -euo pipefail
place=$(mktemp -d); trap 'rm -rf "$place"' EXIT
changed=0
for version in 0.22.2 0.23.3; do
    python3 -m venv "$place/$version" || exit 77
    "$place/$version/bin/pip" -q install --no-deps "tokenizers==$version" || exit 77
    "$place/$version/bin/python" - "$place/file.json" << 'END' || changed=1
import sys, tokenizers
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

t = Tokenizer(models.WordPiece({"[UNK]": 0, "<": 1, "e1": 2, ">": 3}, unk_token="[UNK]"))
t.normalizer = normalizers.BertNormalizer(lowercase=True)
t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
t.add_tokens([AddedToken("<E1>"), AddedToken("<e1>")])
t.save(sys.argv[1])
seen = {i for _ in range(60) for i in Tokenizer.from_file(sys.argv[1]).encode("<e1>").ids}
print(f"{tokenizers.__version__}: the ids of <e1> in 60 tokenizers of one file: {seen}")
sys.exit(0 if seen == {4, 5} else 1)
END
done
exit $changed
