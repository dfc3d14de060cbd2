#!/usr/bin/env bash
# transformers 5.24.0: BertTokenizer drops tokenizer.json's own settings: words over 3 characters are no longer unknown, control characters go.
# Package: transformers 5.24.0 (tokenizers 0.23.3), beside 4.57.6 (tokenizers 0.22.2) and tokenizers alone.
# Expected: that tokenizer.json, "the serialized tokenizer", gives the same ids wherever it is loaded; version 5 made it the one
#   file of a tokenizer. The guess before: the normalizer might be made anew, the model's own settings would stay.
# Seen: max_input_chars_per_word 3 and clean_text false in the file. tokenizers and transformers 4.57.6 follow both; transformers
#   5.24.0 takes the vocabulary out of the file and builds everything else from defaults, and saves these defaults back.
# Output: "5.24.0: AutoTokenizer [3, 4, 4, 4, 3, 4], tokenizers [0, 0]", and "4.57.6: AutoTokenizer [0, 0], tokenizers [0, 0]".
# System: Debian 12, Python 3.11.
# What to do: give "tokenizer_class": "TokenizersBackend" in tokenizer_config.json, which takes the file as it is. mp2 refuses
#   both settings by name, whoever would follow them (coordinator/text/tokenizer_json.c).
# Upstream: no issue known.
set -euo pipefail
place=$(mktemp -d); trap 'rm -rf "$place"' EXIT
changed=0
for version in 4.57.6 5.24.0; do
    python3 -m venv "$place/$version" || exit 77
    "$place/$version/bin/pip" -q install "transformers==$version" || exit 77
    TRANSFORMERS_VERBOSITY=error "$place/$version/bin/python" - "$place" 2> "$place/errors" << 'END' || { changed=1; tail -3 "$place/errors"; }
import json, os, sys, transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers
from transformers import AutoTokenizer

folder = os.path.join(sys.argv[1], "folder-" + transformers.__version__)
os.mkdir(folder)
words = ["[UNK]", "[CLS]", "[SEP]", "a", "##a"]
t = Tokenizer(models.WordPiece({w: i for i, w in enumerate(words)}, unk_token="[UNK]", max_input_chars_per_word=3))
t.normalizer = normalizers.BertNormalizer(clean_text=False, lowercase=True)
t.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
t.save(folder + "/tokenizer.json")
for file, value in (("config.json", {"model_type": "bert"}), ("tokenizer_config.json", {"tokenizer_class": "BertTokenizer"})):
    with open(os.path.join(folder, file), "w") as f:
        json.dump(value, f)
text = "aaaa a\u200ba"
alone = t.encode(text, add_special_tokens=False).ids
whole = AutoTokenizer.from_pretrained(folder).encode(text, add_special_tokens=False)
print(f"{transformers.__version__}: AutoTokenizer {whole}, tokenizers {alone}")
sys.exit(0 if alone == [0, 0] and whole == ([0, 0] if transformers.__version__[0] == "4" else [3, 4, 4, 4, 3, 4]) else 1)
END
done
exit $changed
