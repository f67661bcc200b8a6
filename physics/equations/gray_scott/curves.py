"""The differentiable curve of Gray-Scott: <B> over time, in both modes, with few states kept for the reverse one."""

from __future__ import annotations

from torch import Tensor

from physics.adjoint.checkpoint import checkpointed
from physics.adjoint.schedule import repeated, store_all
from physics.equations.gray_scott import scheme as gray_scott
from physics.equations.gray_scott.march import stretches
from physics.equations.gray_scott.scheme import Rates

_TAPED = 1 << 29  # bytes of tape, about, up to which every step is kept
_PER_POINT = 60 * 8  # bytes of tape of a step for each point and member


def mean_curve(rates: Rates, start: Tensor, times: Tensor, longest: float) -> Tensor:
    """Return <B> at `times`, shape (batch, n), from the fields `start` (batch, 2, cells, cells).

    The steps are chosen by `times` and `longest` alone, so no gradient sees them.
    """
    rising, place = times.detach().unique(return_inverse=True)
    plan = stretches(rising, longest)
    cells = start.shape[-1]
    kinds = sorted({h for steps, h in plan if steps})
    weights = [gray_scott.parameters_of(rates, cells, h) for h in kinds]
    width = len(weights[0]) if weights else 0
    which = [kinds.index(h) for steps, h in plan for _ in range(steps)]

    def step(state: tuple[Tensor, ...], parameters: tuple[Tensor, ...], index: int) -> tuple[Tensor, ...]:
        first = width * which[index]
        return gray_scott.step(state, parameters[first : first + width], index)

    count, seen = 0, []
    for steps, _ in plan:
        count += steps
        seen.append(count)
    small = count * start.shape[0] * cells**2 * _PER_POINT <= _TAPED
    _, curve = checkpointed(
        step,
        (gray_scott.spectrum(start), start.new_zeros(len(start), 3)),
        tuple(tensor for each in weights for tensor in each),
        count,
        schedule=store_all(count) if small else repeated(count),
        observe=lambda state, index: gray_scott.means(state[0])[:, 1],
        at=seen,
    )
    if curve is None:
        raise ValueError("an observed march returned no curve")
    return curve.T[:, place]
