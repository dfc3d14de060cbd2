"""lstm.txt: what PyTorch makes of a bidirectional LSTM with two linear layers and a residual sum, and its gradients.

    python make_lstm.py > lstm.txt

Of each case seven lines of numbers: tokens, hidden, width; then parameters, x, dy as mp2 lays them out (rounded to f32);
then y, dx and the parameters' gradient, in float64.
"""
import torch


def show(*tensors):
    print(" ".join(repr(float(v)) for t in tensors for v in t.detach().flatten()))


def run(tokens, hidden, width, seed):
    torch.manual_seed(seed)
    draw = lambda *shape: (torch.randn(*shape) * 0.7).double().requires_grad_()
    ours = []
    for _ in range(2):
        ours += [draw(hidden, 4 * width), draw(width, 4 * width), draw(4 * width)]
    ours += [draw(2 * width, 2 * width), draw(2 * width), draw(2 * width, hidden), draw(hidden)]
    x, dy = draw(tokens, hidden), draw(tokens, hidden)
    lstm = torch.nn.LSTM(hidden, width, bidirectional=True).double()
    theirs = {}
    for i, end in enumerate(("", "_reverse")):
        theirs["weight_ih_l0" + end] = ours[3 * i].T
        theirs["weight_hh_l0" + end] = ours[3 * i + 1].T
        theirs["bias_ih_l0" + end] = ours[3 * i + 2]
        theirs["bias_hh_l0" + end] = torch.zeros(4 * width, dtype=torch.float64)
    h, _ = torch.func.functional_call(lstm, theirs, (x,))
    y = x + torch.relu(h @ ours[6] + ours[7]) @ ours[8] + ours[9]
    y.backward(dy.detach())
    print(tokens, hidden, width)
    show(*ours)
    show(x)
    show(dy)
    show(y)
    show(x.grad)
    show(*(p.grad for p in ours))


run(1, 6, 2, 1)
run(7, 10, 3, 2)
run(4, 21, 9, 3)
