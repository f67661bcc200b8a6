"""How well vectors find runs of the same set: the share of runs whose nearest stored one is of their own set."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from physics.surrogate.embedding.encoder import seen
from physics.surrogate.embedding.features import PER_CHANNEL, simple
from physics.surrogate.embedding.trace import Trace, grouped
from physics.surrogate.embedding.train import Runs

Encode = Callable[[Sequence[Trace]], Tensor]


def found_first(stored: Sequence[Runs], held: Sequence[Runs], encode: Encode) -> dict[str, float]:
    """Return the share of each held set whose nearest stored run is of the set of the same name."""
    known = [encode(runs.traces) for runs in stored]
    whose = torch.repeat_interleave(torch.arange(len(stored)), torch.tensor([len(each) for each in known]))
    every, names = torch.cat(known), [runs.name for runs in stored]
    shares = {}
    for runs in held:
        nearest = whose[(encode(runs.traces) @ every.T).argmax(1)]
        shares[runs.name] = float((nearest == names.index(runs.name)).double().mean())
    return shares


def fixed(reference: Sequence[Runs]) -> Encode:
    """Return an encoder by the fixed features alone, each scaled by its deviation over the reference runs."""
    rows = torch.cat([_features(runs.traces) for runs in reference])
    mean, deviation = rows.mean(0), rows.std(0) + 1e-3
    return lambda traces: functional.normalize((_features(traces) - mean) / deviation, dim=-1)


def _features(traces: Sequence[Trace]) -> Tensor:
    found = torch.empty(len(traces), 2 * PER_CHANNEL)
    for members in grouped(traces).values():
        given = seen([traces[k] for k in members])
        found[members] = simple(given.features, given.owner, given.count)
    return found
