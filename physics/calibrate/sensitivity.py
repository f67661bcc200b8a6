"""A curve and its exact derivatives in one dual pass.

For y(theta) the forward-mode pass gives the directional derivative along one tangent; the batch is tiled by
parameter, each tile carrying its own unit tangent, so that one call of the model returns every column of

    J_ij = d y_i / d theta_j.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.autograd import forward_ad

Model = Callable[[dict[str, Tensor], Tensor], Tensor]
"""`model(parameters, times)`: parameters of shape (batch,), times (n,), curves (batch, n); differentiable."""


def sensitivities(
    model: Model, parameters: Mapping[str, Tensor], names: Sequence[str], times: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the curves, shape (batch, n), and dy/dtheta for `names`, shape (batch, n, names)."""
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
