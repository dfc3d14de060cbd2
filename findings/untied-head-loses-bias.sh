#!/usr/bin/env bash
# transformers 5.24.0: a masked-language-model folder that 4.57.6 wrote with tie_word_embeddings false loses its head's bias.
# Package: transformers 4.57.6 (tokenizers 0.22.2), 5.24.0 (tokenizers 0.23.3), torch 2.15.0, safetensors 0.8.0.
# Expected: the same scores. In version 4 decoder.bias is the same parameter as bias, whatever the config says, and the file has
#   it once, as cls.predictions.bias; the guess before was that version 5 reads it for both.
# Seen: in version 5 tie_word_embeddings is about the bias too: with false, decoder.bias is a parameter of its own, the file has
#   none, and it begins at 0; cls.predictions.bias is loaded and never used. from_pretrained lists decoder.bias as newly
#   initialised among its notices; the pipeline gives other words.
# Output: "4.57.6 writes and scores: bias of the decoder 5.0", "5.24.0 scores: bias of the decoder 0.0".
# System: Debian 12, Python 3.11.
# What to do: write the bias under both names before loading with version 5. mp2 uses it, says so, and writes both
#   (worker/model/source.c, find_bias; worker/model/folder.c).
# Upstream: no issue known.
# torch is taken from the Python that runs this (python3 and PYTHONPATH): what it needs is above what a finding may fetch.
set -euo pipefail
place=$(mktemp -d); trap 'rm -rf "$place"' EXIT
python3 -c 'import torch' 2> /dev/null || { echo "no torch here"; exit 77; }
changed=0
for version in 4.57.6 5.24.0; do
    python3 -m venv --system-site-packages "$place/$version" || exit 77
    "$place/$version/bin/pip" -q install --no-warn-conflicts "transformers==$version" || exit 77
    TRANSFORMERS_VERBOSITY=error "$place/$version/bin/python" - "$place/folder" 2> "$place/errors" << 'END' || { changed=1; tail -3 "$place/errors"; }
import os, sys, torch, transformers
from transformers import BertConfig, BertForMaskedLM

writes = not os.path.isdir(sys.argv[1])
if writes:
    model = BertForMaskedLM(BertConfig(vocab_size=5, hidden_size=4, num_hidden_layers=1, num_attention_heads=1, intermediate_size=4,
                                       max_position_embeddings=8, tie_word_embeddings=False))
    torch.nn.init.ones_(model.cls.predictions.bias)
    model.save_pretrained(sys.argv[1])
seen = float(BertForMaskedLM.from_pretrained(sys.argv[1]).cls.predictions.decoder.bias.detach().sum())
print(f"{transformers.__version__} {'writes and ' * writes}scores: bias of the decoder {seen}")
sys.exit(0 if seen == (5.0 if writes else 0.0) else 1)
END
done
exit $changed
