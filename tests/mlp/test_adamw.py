import subprocess
import sys

import torch

from facewave.mlp.adamw import AdamWGroup


def test_steps_are_those_of_pytorch():
    torch.manual_seed(0)
    start = [torch.randn(3, 4, 5), torch.randn(7)]
    own, theirs = ([torch.nn.Parameter(value.clone()) for value in start] for _ in range(2))
    group = AdamWGroup(own, 0.1)
    optimizer = torch.optim.AdamW(theirs, weight_decay=0.1, fused=True)
    for rate in (0.1, 0.01, 0.05):
        for parameters in (own, theirs):
            sum((p**3).sum() for p in parameters).backward()
        group.step(rate)
        optimizer.param_groups[0]["lr"] = rate
        optimizer.step()
        optimizer.zero_grad()
        assert all(torch.equal(a, b) for a, b in zip(own, theirs, strict=True))
        assert all(parameter.grad is None for parameter in own)


def test_the_compiler_is_not_imported():
    code = (
        "import sys, torch; from facewave.mlp.adamw import AdamWGroup\n"
        "p = torch.nn.Parameter(torch.ones(2)); p.sum().backward(); AdamWGroup([p], 0).step(0.1)\n"
        "assert p[0] < 1 and 'torch._dynamo' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
