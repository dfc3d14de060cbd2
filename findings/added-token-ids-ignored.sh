#!/usr/bin/env bash
# transformers 4.57.6, 5.24.0: the ids in added_tokens.json and added_tokens_decoder are not used, only their order.
# Package: transformers 4.57.6 (tokenizers 0.22.2) and 5.24.0 (tokenizers 0.23.3).
# Expected: the id that the file names, or an error: added_tokens.json maps a token to its id, added_tokens_decoder an id to its
#   token, and the model was trained with that row of its table.
# Seen: a vocab.txt of 7 lines and a token with the id 40 in either file: the token gets 7, the next free one, and nothing is
#   said. A table with rows left free between pieces and markers (rounded up to a multiple of 64, say) is read at wrong rows.
# Output: "5.24.0: the file says 40, the tokenizer {'added_tokens.json': 7, 'added_tokens_decoder': 7}", and the same of 4.57.6.
# System: Debian 12, Python 3.11.
# What to do: compare tokenizer.convert_tokens_to_ids with the file after loading. mp2 refuses such a folder
#   (coordinator/text/vocabulary.c, place_token).
# Upstream: no issue known.
set -euo pipefail
place=$(mktemp -d); trap 'rm -rf "$place"' EXIT
changed=0
for version in 4.57.6 5.24.0; do
    python3 -m venv "$place/$version" || exit 77
    "$place/$version/bin/pip" -q install "transformers==$version" || exit 77
    TRANSFORMERS_VERBOSITY=error "$place/$version/bin/python" - "$place" 2> "$place/errors" << 'END' || { changed=1; tail -3 "$place/errors"; }
import json, os, sys, transformers
from transformers import AutoTokenizer

flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
forms = {"added_tokens.json": {"added_tokens.json": {"<e1>": 40}},
         "added_tokens_decoder": {"tokenizer_config.json": {"added_tokens_decoder": {"40": {"content": "<e1>", **flags}}}}}
seen = {}
for name, files in forms.items():
    folder = os.path.join(sys.argv[1], transformers.__version__ + name)
    os.mkdir(folder)
    with open(folder + "/vocab.txt", "w") as f:
        f.write("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "x", "y"]) + "\n")
    for file, value in {"config.json": {"model_type": "bert"}, **files}.items():
        with open(os.path.join(folder, file), "w") as f:
            json.dump(value, f)
    seen[name] = AutoTokenizer.from_pretrained(folder).encode("<e1>", add_special_tokens=False)[0]
print(f"{transformers.__version__}: the file says 40, the tokenizer {seen}")
sys.exit(0 if set(seen.values()) == {7} else 1)
END
done
exit $changed
