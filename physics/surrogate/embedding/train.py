"""Contrastive training of the encoder (InfoNCE with soft targets).

    loss = - sum_i sum_j q_ij log( exp(v_i . v_j / T) / sum_{k != i} exp(v_i . v_k / T) )

over two views of each run of a batch. q_ij is one for the other view of the same run, and KIN exp(-(d_ij / NEAR)^2)
for runs of the same set whose settings lie d_ij apart, over their ranges from -1 to 1; then normalised. So runs with
near settings come to lie nearer than others, and names enter the training alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import process_time

import torch
from torch import Tensor

from physics.surrogate.embedding.encoder import Encoder, seen
from physics.surrogate.embedding.trace import Trace, grouped
from physics.surrogate.embedding.views import view

TEMPERATURE = 0.07
KIN, NEAR = 0.5, 0.7
RATE, WARM = 2e-3, 100
CURVES = 8
_BEHIND = 0.1  # of a training: later than that, the clock leads the rate, and no longer the steps


@dataclass(frozen=True)
class Runs:
    """Traces of one set with their settings from -1 to 1, shape (runs, settings)."""

    name: str
    traces: Sequence[Trace]
    scaled: Tensor


def train(
    sets: Sequence[Runs],
    *,
    seed: int = 0,
    steps: int = 1500,
    each: int = 3,
    kin: float = KIN,
    minutes: float = 10.0,
    encoder: Encoder | None = None,
    report: Callable[[int, float], None] = lambda step, loss: None,
) -> tuple[Encoder, float]:
    """Return a trained encoder and the processor seconds that it took.

    Args:
        sets: the runs.
        seed: of the weights, if no encoder is given, and of all that is drawn.
        steps: of the optimiser, fewer where `minutes` of processor time are over before.
        each: runs of each set of fields in a batch; of curves, which are told apart with more trouble and cost
            little, CURVES times as many.
        kin: the weight of runs with near settings.
        report: called now and then with the step and the loss.
    """
    torch.manual_seed(seed)
    encoder = encoder or Encoder()
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(encoder.parameters(), lr=RATE, weight_decay=1e-2)
    begin, limit = process_time(), 60.0 * minutes
    for step in range(steps):
        done, late = step / steps, (process_time() - begin) / limit
        if late >= 1.0:
            break
        done = late if late > done + _BEHIND else done
        rate = RATE * min(1.0, (step + 1) / WARM) * max(0.02, 1.0 - done)
        for group in optimiser.param_groups:
            group["lr"] = rate
        traces, targets = _batch(sets, each, kin, generator)
        loss = _loss(_vectors(encoder, traces), targets)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimiser.step()
        if step % 20 == 0:
            report(step, float(loss.detach()))
    return encoder.eval().requires_grad_(False), process_time() - begin


def _batch(sets: Sequence[Runs], each: int, kin: float, generator: torch.Generator) -> tuple[list[Trace], Tensor]:
    """Return two views of some runs of each set, and the targets q (views, views)."""
    chosen = [
        torch.randperm(len(runs.traces), generator=generator)[: each * (CURVES if runs.traces[0].axes == 0 else 1)]
        for runs in sets
    ]
    count = sum(len(picked) for picked in chosen)
    likeness = torch.eye(count)
    place, picked_traces = 0, []
    for runs, picked in zip(sets, chosen, strict=True):
        apart = torch.cdist(runs.scaled[picked], runs.scaled[picked]).float()
        block = slice(place, place + len(picked))
        near = kin * torch.exp(-((apart / (NEAR * max(1, runs.scaled.shape[1]) ** 0.5)) ** 2))
        likeness[block, block] = torch.where(torch.eye(len(picked), dtype=torch.bool), 1.0, near)
        place += len(picked)
        picked_traces += [runs.traces[k] for k in picked.tolist()]
    targets = likeness.repeat(2, 2)
    targets.fill_diagonal_(0.0)
    return [view(trace, generator) for _ in range(2) for trace in picked_traces], targets / targets.sum(1, keepdim=True)


def _vectors(encoder: Encoder, traces: Sequence[Trace]) -> Tensor:
    """Return the vectors of traces of any kinds, with their gradients."""
    parts = [(members, encoder(seen([traces[k] for k in members]))) for members in grouped(traces).values()]
    order = torch.tensor([k for members, _ in parts for k in members])
    return torch.cat([vectors for _, vectors in parts])[order.argsort()]


def _loss(vectors: Tensor, targets: Tensor) -> Tensor:
    scores = vectors @ vectors.T / TEMPERATURE
    scores = scores.masked_fill(torch.eye(len(scores), dtype=torch.bool), -1e9)
    return -(targets * torch.log_softmax(scores, -1)).sum(1).mean()
