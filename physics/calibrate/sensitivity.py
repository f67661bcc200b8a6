"""A curve and its exact derivatives J_ij = d y_i / d theta_j, by whichever way takes fewer passes.

Forward: the batch is tiled by parameter, each tile carrying its own unit tangent, so that one dual pass of the model
returns every column of J; it costs as many curves and tangents as there are parameters. Adjoint: one pass of the
model, and one backwards for every point, whose unit cotangent returns a row of J for the whole batch. The adjoint is
taken where there are fewer points than parameters. A model that knows its derivatives in closed form has a method
`linearise(parameters, names, times)`, which then is all that is called; it may return None where it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.autograd import forward_ad

Model = Callable[[dict[str, Tensor], Tensor], Tensor]
"""`model(parameters, times)`: parameters of shape (batch,), times (n,), curves (batch, n); differentiable."""

Mode = Literal["cheapest", "forward", "adjoint"]


def sensitivities(
    model: Model, parameters: Mapping[str, Tensor], names: Sequence[str], times: Tensor, mode: Mode = "cheapest"
) -> tuple[Tensor, Tensor]:
    """Return the curves, shape (batch, n), and dy/dtheta for `names`, shape (batch, n, names)."""
    if mode == "cheapest":
        known = getattr(model, "linearise", None)
        found = None if known is None else known(parameters, names, times)
        if found is not None:
            return found
        mode = "adjoint" if times.shape[0] < len(names) else "forward"
    return (_adjoint if mode == "adjoint" else _forward)(model, parameters, names, times)


def _forward(
    model: Model, parameters: Mapping[str, Tensor], names: Sequence[str], times: Tensor
) -> tuple[Tensor, Tensor]:
    tiles = len(names)
    batch = next(iter(parameters.values())).shape[0]
    with forward_ad.dual_level(), torch.no_grad():
        tiled = {name: value.detach().repeat(tiles) for name, value in parameters.items()}
        for j, name in enumerate(names):
            tangent = torch.zeros(tiles * batch, dtype=torch.float64)
            tangent[j * batch : (j + 1) * batch] = 1.0
            tiled[name] = forward_ad.make_dual(tiled[name], tangent)
        curve, slope = forward_ad.unpack_dual(model(tiled, times))
        slope = torch.zeros_like(curve) if slope is None else slope
    n = curve.shape[-1]
    return curve[:batch].clone(), slope.reshape(tiles, batch, n).permute(1, 2, 0).clone()


def _adjoint(
    model: Model, parameters: Mapping[str, Tensor], names: Sequence[str], times: Tensor
) -> tuple[Tensor, Tensor]:
    with torch.enable_grad():
        leaves = {name: parameters[name].detach().clone().requires_grad_() for name in names}
        curve = model({**parameters, **leaves}, times)
    batch, n = curve.shape
    slope = torch.zeros(batch, n, len(names), dtype=curve.dtype, device=curve.device)
    if curve.requires_grad:
        for i in range(n):  # members share nothing, so the sum over them keeps them apart
            rows = torch.autograd.grad(
                curve[:, i].sum(), tuple(leaves.values()), retain_graph=i < n - 1, allow_unused=True
            )
            for j, row in enumerate(rows):
                if row is not None:
                    slope[:, i, j] = row
    return curve.detach().clone(), slope
