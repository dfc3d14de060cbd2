"""extracted.py PROMPTS TUNED ROW: the prompt of a tuned file is that of a task's router over a checkpoint's modules, layer by layer:
(r z) A with r = sigmoid(router) / sum of sigmoids. Standard library alone."""
import json
import math
import struct
import sys


def load(path):
    data = open(path, "rb").read()
    n = struct.unpack("<Q", data[:8])[0]
    out = {}
    for name, t in json.loads(data[8:8 + n]).items():
        if name != "__metadata__":
            first, last = (8 + n + at for at in t["data_offsets"])
            out[name.split("/")[-1]] = t["shape"], struct.unpack("<%df" % ((last - first) // 4), data[first:last])
    return out


def main():
    run, tuned, row = load(sys.argv[1]), load(sys.argv[2]), int(sys.argv[3])
    (layers, d, columns), a = run["A"]
    modules, worst = run["z"][0][1], 0.0
    for l in range(layers):
        gates = run["router"][1][(row * layers + l) * modules:][:modules]
        s = [1 / (1 + math.exp(-x)) for x in gates]
        u = [sum(s[k] / sum(s) * run["z"][1][(l * modules + k) * d + i] for k in range(modules)) for i in range(d)]
        for c in range(columns):
            value = sum(u[i] * a[(l * d + i) * columns + c] for i in range(d))
            worst = max(worst, abs(value - tuned["prompt"][1][l * columns + c]))
    if not worst < 1e-4 or tuned["head.weight"] != run["head.weight"]:
        sys.exit("the prompt is off by %g" % worst)


main()
