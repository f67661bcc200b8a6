"""Exponential Runge-Kutta of fourth order for u' = L u + N(u) with a diagonal L that does not grow.

    a  = e^(z/2) u + (h/2) phi1(z/2) N(u)                                                    z = h L
    b  = e^(z/2) u + h [(phi1/2 - phi2)(z/2) N(u) + phi2(z/2) N(a)]
    c  = e^z u + h [(phi1 - 2 phi2) N(u) + 2 phi2 N(b)]
    u+ = e^z u + h [(phi1 - 3 phi2 + 4 phi3) N(u) + (2 phi2 - 4 phi3)(N(a) + N(b)) + (4 phi3 - phi2) N(c)]

    phi_k(z) = sum_j z^j / (j + k)!,  phi functions without argument at z

What L holds is integrated exactly, so a step is bounded by the rates of N alone. Where z = 0 the scheme is the
classical one of weights 1/6, 1/3, 1/3, 1/6: an amount that L leaves alone has an exact discrete balance, its
change being that sum over the stages. The order is four unless N holds rates as large as those of L, where it
falls to between two and three; with z far below -1 and a smooth N the fourth order shows late.

Source: S. Krogstad, Generalized integrating factor methods for stiff PDEs, J. Comput. Phys. 203 (2005) 72-88,
doi:10.1016/j.jcp.2004.08.006 (the scheme ETDRK4-B); S. M. Cox and P. C. Matthews, Exponential time differencing
for stiff systems, J. Comput. Phys. 176 (2002) 430-455, doi:10.1006/jcph.2002.6995.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

WEIGHTS = (1.0 / 6.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 6.0)
_TERMS = 20  # of the series, which is used where |z| < 1
_FACTORIAL = [float(math.factorial(n)) for n in range(_TERMS + 4)]


class Weights(NamedTuple):
    """What a step multiplies by, each the shape of z; the step h is contained in all but the exponentials."""

    whole: Tensor  # e^z
    half: Tensor  # e^(z/2)
    a1: Tensor
    b1: Tensor
    b2: Tensor
    c1: Tensor
    c3: Tensor
    w1: Tensor
    w23: Tensor
    w4: Tensor


def phi(z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return phi1, phi2, phi3 to rounding, real z, any shape; differentiable in both modes."""
    near = z.abs() < 1.0
    inner, outer = torch.where(near, z, 0.0), torch.where(near, -1.0, z)
    series = []
    for k in (1, 2, 3):
        total = torch.full_like(z, 1.0 / _FACTORIAL[_TERMS + k])
        for j in range(_TERMS - 1, -1, -1):
            total = total * inner + 1.0 / _FACTORIAL[j + k]
        series.append(total)
    first = torch.expm1(outer) / outer
    second = (first - 1.0) / outer
    third = (second - 0.5) / outer
    closed = (first, second, third)
    one, two, three = (torch.where(near, s, c) for s, c in zip(series, closed, strict=True))
    return one, two, three


def weights(rate: Tensor, h: Tensor | float) -> Weights:
    """Return the weights of a step `h` for the diagonal of L, `rate`; they broadcast."""
    z = rate * h
    one, two, three = phi(z)
    half_one, half_two, _ = phi(0.5 * z)
    return Weights(
        whole=torch.exp(z),
        half=torch.exp(0.5 * z),
        a1=0.5 * h * half_one,
        b1=h * (0.5 * half_one - half_two),
        b2=h * half_two,
        c1=h * (one - 2.0 * two),
        c3=h * 2.0 * two,
        w1=h * (one - 3.0 * two + 4.0 * three),
        w23=h * (2.0 * two - 4.0 * three),
        w4=h * (4.0 * three - two),
    )


def step(u: Tensor, slope: Callable[[Tensor], Tensor], by: Weights) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Return u+ and the four states at which `slope`, that is N, was taken."""
    one = slope(u)
    a = by.half * u + by.a1 * one
    two = slope(a)
    b = by.half * u + by.b1 * one + by.b2 * two
    three = slope(b)
    c = by.whole * u + by.c1 * one + by.c3 * three
    four = slope(c)
    return by.whole * u + by.w1 * one + by.w23 * (two + three) + by.w4 * four, (u, a, b, c)
