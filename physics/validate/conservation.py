"""Conservation read from outputs alone: totals that close, totals that stay, totals that are integrals of a rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from physics.validate.bounds import Bound, resolve
from physics.validate.law import Kind, Law, Sample, worst

ROUND_OFF = 1e-9  # relative: what sums of many float64 terms lose, with room
COARSE = 0.05  # of the turnover: an integral that may be wrong by more tells nothing
_SAFE, _LEAST = 6.0, 1e-5
_FEWEST = 9  # times


def closure(gains: Sequence[Tensor], losses: Sequence[Tensor]) -> Tensor:
    """Return the largest |gains - losses| over the largest amount that was turned over, shape (batch,).

    Each term has shape (batch, times): what has come in, gone out, is stored or was consumed by each time.
    """
    terms = torch.stack([*gains, *(-loss for loss in losses)])
    return worst(terms.sum(0).abs()) / worst(terms.abs().amax(0)).clamp_min(1e-300)


def drift(values: Tensor) -> Tensor:
    """Return how far curves (batch, times) leave their first value, over the largest value, shape (batch,)."""
    return worst((values - values[:, :1]).abs()) / worst(values.abs()).clamp_min(1e-300)


def imbalance(total: Tensor, rate: Tensor, time: Tensor) -> tuple[Tensor, Tensor]:
    """Compare a total with the integral of its rate by the trapezoidal rule; both (batch,), over the turnover.

    The second is what the rule may be wrong by: six times the sum of h^3 |r''| / 12, where h |r''| is the larger
    change of slope at the two ends of a step h. Errors of opposite sign do not hide each other then, and a jump
    between two times counts with h |dr| / 2, the most it can do. Where the sum itself is above `COARSE` the times
    are too far apart to say anything, and the limit is infinite.
    """
    h = time.diff()
    grown = torch.cumsum((rate[:, 1:] + rate[:, :-1]) / 2 * h, 1)
    turnover = ((rate[:, 1:] + rate[:, :-1]).abs() / 2 * h).sum(1)
    gap = worst((total[:, 1:] - total[:, :1] - grown).abs())
    turn = (rate.diff(dim=1) / h).diff(dim=1).abs()
    turn = torch.cat([turn[:, :1], turn, turn[:, -1:]], 1)
    error = (torch.maximum(turn[:, 1:], turn[:, :-1]) * h**2).sum(1) / 12
    told = (error <= COARSE * turnover) & (turnover > 0)
    scale = turnover.clamp_min(1e-300)
    return gap / scale, torch.where(told, _SAFE * error / scale + _LEAST, torch.inf)


def closes(
    name: str,
    gains: Sequence[str],
    losses: Sequence[str],
    *,
    limit: Bound = ROUND_OFF,
    where: Callable[[Sample], bool] | None = None,
) -> Law:
    """What came in equals what went out, is stored and was consumed, at every time; curves of one unit."""

    def departure(sample: Sample) -> Tensor | None:
        if where is not None and not where(sample):
            return None
        return closure([sample.values(each) for each in gains], [sample.values(each) for each in losses])

    return Law(
        name,
        Kind.CONSERVATION,
        "",
        f"{' + '.join(gains)} - {' - '.join(losses)} over the amount turned over",
        departure,
        _limit(limit),
        (*gains, *losses),
    )


def conserved(output: str, *, limit: Bound = ROUND_OFF, where: Callable[[Sample], bool] | None = None) -> Law:
    """The curve, or the mean of the field over an even grid, keeps its first value."""

    def departure(sample: Sample) -> Tensor | None:
        if where is not None and not where(sample):
            return None
        values = sample.values(output)
        return drift(values.flatten(2).mean(2) if values.dim() > 2 else values)

    return Law(
        f"{output} is conserved",
        Kind.CONSERVATION,
        "",
        f"how far the total of {output} leaves its first value, over its largest",
        departure,
        _limit(limit),
        (output,),
    )


def accumulates(
    total: str, rate: Callable[[Sample], Tensor], needs: Sequence[str], *, room: float = 1.0, name: str = ""
) -> Law:
    """The curve `total` grows by the integral of `rate(sample)`, shape (batch, times), over its times.

    The integral is taken from the output times, so it is as good as they are close: the limit is the rule's own
    error estimate times `room`. With fewer than nine times the law says nothing.
    """

    def parts(sample: Sample) -> tuple[Tensor, Tensor] | None:
        time = sample.outputs[total].time
        if time is None or len(time) < _FEWEST:
            return None
        return imbalance(sample.values(total), rate(sample), time)

    def departure(sample: Sample) -> Tensor | None:
        found = parts(sample)
        return None if found is None else found[0]

    def limit(sample: Sample) -> float | Tensor:
        found = parts(sample)
        return 0.0 if found is None else room * found[1]

    return Law(
        name or f"{total} is the integral of its rate",
        Kind.CONSERVATION,
        "",
        f"{total} less the integral of its rate, over the amount turned over",
        departure,
        limit,
        (total, *needs),
    )


def _limit(limit: Bound) -> Callable[[Sample], float | Tensor]:
    def found(sample: Sample) -> float | Tensor:
        value = resolve(limit, sample)
        return ROUND_OFF if value is None else value

    return found
