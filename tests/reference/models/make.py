#!/usr/bin/env python3
"""How the folders beside this file were made: torch 2.15, transformers 5.23 (untied, ernie, wrapped: 5.24), safetensors 0.8. Not
needed to build or test.

Every tensor's element i is (i * 7 + 13 * len(canonical name)) % 41 - 20, over 128, plus 1 in LayerNorm weights, so that
test_source.c can compute what it must find. The models are 2 layers, 4 wide, 2 heads, feed-forward 6, 6 positions, 5 words.
"""
import json, os, shutil, sys
from collections import OrderedDict
import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertForMaskedLM, ErnieConfig, ErnieForMaskedLM

os.chdir(os.path.dirname(os.path.abspath(__file__)))
config = BertConfig(vocab_size=5, hidden_size=4, num_hidden_layers=2, num_attention_heads=2, intermediate_size=6,
                    max_position_embeddings=6)


def fill(model):
    with torch.no_grad():
        for name, p in model.named_parameters():
            canonical = name.removeprefix("bert.").removeprefix("ernie.").replace("decoder.bias", "bias")
            i = torch.arange(p.numel())
            values = ((i * 7 + 13 * len(canonical)) % 41 - 20).float() / 128 + (1 if canonical.endswith("LayerNorm.weight") else 0)
            p.copy_(values.view(p.shape))
    return model


model = fill(BertForMaskedLM(config))
state = model.state_dict()


def folder(name, cfg=config.to_dict()):
    shutil.rmtree(name, ignore_errors=True)
    os.makedirs(name)
    with open(name + "/config.json", "w") as f:
        json.dump(cfg, f, default=str, indent=1)
    return name


model.save_pretrained(folder("mlm"))
model.save_pretrained(folder("sharded"), max_shard_size="1KB")
torch.save(state, folder("bin") + "/pytorch_model.bin")
torch.save(state, folder("old") + "/pytorch_model.bin", _use_new_zipfile_serialization=False)

# Views of every kind: transposed, at an offset of a shared storage, expanded; parameters; f64; pickle protocol 4.
shared = torch.zeros(1000, dtype=torch.float64)
views, at = OrderedDict(), 3
for k, v in state.items():
    v = v.double()
    if v.dim() == 2:
        shared[at:at + v.numel()] = v.t().flatten()
        views[k] = torch.nn.Parameter(shared[at:at + v.numel()].view(v.shape[1], v.shape[0]).t())
    else:
        views[k] = shared[at:at + 2 * v.numel():2]
        views[k].copy_(v)
    at += (1 if v.dim() == 2 else 2) * v.numel() + 1
torch.save(views, folder("views") + "/pytorch_model.bin", pickle_protocol=4)

# CPT: the encoder under model.encoder., the word table as model.shared.weight, gamma and beta, a decoder, I64, bf16.
cpt = {}
for k, v in state.items():
    if not k.startswith("bert."):
        continue
    k = "model.encoder." + k[5:].replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
    cpt["model.shared.weight" if "word_embeddings" in k else k] = v.bfloat16().clone()
cpt["model.encoder.embeddings.position_ids"] = torch.arange(6)[None]
cpt["model.decoder.layers.0.fc1.weight"] = torch.zeros(2, 2)
save_file(cpt, folder("cpt", dict(model_type="bart", d_model=4, encoder_layers=2, decoder_layers=1, num_hidden_layers=2,
                                  encoder_attention_heads=2, encoder_ffn_dim=6, activation_dropout=0.1, attention_dropout=0.1,
                                  dropout=0.1, vocab_size=5, max_position_embeddings=1024, activation_function="gelu"))
          + "/model.safetensors")

# A decoder with a table of its own; ERNIE with its task types; a checkpoint of parallel training.
sizes = {k: getattr(config, k) for k in ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
                                         "max_position_embeddings")}
fill(BertForMaskedLM(BertConfig(**sizes, tie_word_embeddings=False))).save_pretrained(folder("untied"))
fill(ErnieForMaskedLM(ErnieConfig(**sizes, use_task_id=True, task_type_vocab_size=3))).save_pretrained(folder("ernie"))
torch.save({"epoch": 3, "loss": torch.tensor(1.5), "state_dict": {"module." + k: v for k, v in state.items()},
            "optimizer": {"state": {}, "param_groups": [{"lr": 1e-3, "params": [0, 1]}]}}, folder("wrapped") + "/pytorch_model.bin")
