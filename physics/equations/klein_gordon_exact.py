"""Exact waves of the Klein-Gordon equations with c = m = 1; elsewhere x c / m and t / m.

    sine-Gordon kink       phi = 4 atan exp(g (x - x0 - v t)),  g = 1/sqrt(1 - v^2),   energy 8 g
    sine-Gordon breather   phi = 4 atan[(b / w) cos(w t) / cosh(b x)],  b = sqrt(1 - w^2),   energy 16 b
    phi^4 kink             phi = tanh(g (x - x0 - v t) / sqrt 2),   energy (2 sqrt 2 / 3) g

Each function returns phi and phi_t. Energies are in units of m c (sine-Gordon) and of m c as well for phi^4,
with V = (phi^2 - 1)^2 / 4.

Source: N. Manton and P. Sutcliffe, Topological Solitons, Cambridge University Press 2004,
doi:10.1017/CBO9780511617034, chapter 5.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from physics.errors import ParameterError


def sine_gordon_kink(x: Tensor, t: float, v: float, x0: float = 0.0) -> tuple[Tensor, Tensor]:
    """Return a kink of speed `v`, from 0 on the left to 2 pi on the right."""
    lorentz = _lorentz(v)
    along = lorentz * (x - x0 - v * t)
    return 4.0 * torch.atan(torch.exp(along)), -2.0 * lorentz * v / torch.cosh(along)


def breather(x: Tensor, t: float, w: float) -> tuple[Tensor, Tensor]:
    """Return the breather at rest of frequency 0 < w < 1."""
    if not 0.0 < w < 1.0:
        raise ParameterError(f"breather: w = {w:g}; its frequency lies between 0 and 1")
    b = math.sqrt(1.0 - w * w)
    height = b / w / torch.cosh(b * x)
    swing, rate = height * math.cos(w * t), -height * w * math.sin(w * t)
    return 4.0 * torch.atan(swing), 4.0 * rate / (1.0 + swing**2)


def phi4_kink(x: Tensor, t: float, v: float, x0: float = 0.0) -> tuple[Tensor, Tensor]:
    """Return a kink of speed `v`, from -1 on the left to 1 on the right."""
    lorentz = _lorentz(v)
    along = lorentz * (x - x0 - v * t) / math.sqrt(2.0)
    return torch.tanh(along), -lorentz * v / math.sqrt(2.0) / torch.cosh(along) ** 2


def _lorentz(v: float) -> float:
    if not abs(v) < 1.0:
        raise ParameterError(f"kink: v = {v:g}; its speed lies below that of light, 1")
    return 1.0 / math.sqrt(1.0 - v * v)
