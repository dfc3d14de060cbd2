#!/usr/bin/env python3
"""How deep.th and shallow.th were made: torch 2.15, as the reference saves best.th. Not needed to build or test.

Element i of a tensor is (i * 7 + 13 * len(name)) % 41 - 20, over 128; two steps of AdamW follow, whose gradients are the
values themselves. 2 layers (shallow: none), 3 modules, 4 intrinsic, 2 tokens of 6, 5 tasks."""
import os
import torch

os.chdir(os.path.dirname(os.path.abspath(__file__)))


def make(name, shapes):
    p = {}
    for k, shape in shapes.items():
        n = 1
        for s in shape:
            n *= s
        values = ((torch.arange(n) * 7 + 13 * len(k)) % 41 - 20).float() / 128
        p[k] = torch.nn.Parameter(values.view(shape).clone())
    optimizer1 = torch.optim.AdamW([p["router"]], lr=5e-4)
    optimizer2 = torch.optim.AdamW([p["A"], p["z"], p["lmhead"]], lr=1e-4)
    for _ in range(2):
        for v in p.values():
            v.grad = v.detach().clone()
        optimizer1.step()
        optimizer2.step()
    torch.save({**p, "optimizer": {"optimizer1": optimizer1.state_dict(), "optimizer2": optimizer2.state_dict()}}, name)


make("deep.th", {"A": [2, 4, 12], "z": [2, 3, 4], "router": [5, 2, 3], "lmhead": [2, 6]})
make("shallow.th", {"A": [4, 12], "z": [3, 4], "router": [5, 3], "lmhead": [2, 6]})
