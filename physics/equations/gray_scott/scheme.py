"""Gray-Scott: a fed open reactor in which B eats A and makes more of itself.

    dA/dt = D_a lap A - A B^2 + F (1 - A)
    dB/dt = D_b lap B + A B^2 - (F + k) B                    on a square of side `size`, periodic both ways

A, B over the concentration of A in the feed; one unit of time is 1 / (k1 a0^2), k1 the rate constant of
A + 2 B -> 3 B and a0 the feed's concentration; lengths are in the unit of `size`, D in its square over the unit of
time. F is the flow over the volume, k the rate at which B decays besides.

Grid: `cells` points a side at i * size / cells, even; fields are (batch, cells, cells), their spectra the half that
`torch.fft.rfft2` keeps, (batch, 2, cells, cells // 2 + 1). Diffusion is exact on the grid (spectral), the rest is
marched by `physics.integrate.etdrk4`. But for the grid's own wavenumber nothing of the product is cut: its aliases
are of the size of the spectrum's tail, which tells whether the grid is fine enough, and cutting costs more than they
do (on The Well's squares the usual third costs a factor of ten in error).

Exact discrete balances, by the weights w of the scheme over its four stages:

    <A>+ - <A> = h sum w_i (F (1 - <A_i>) - <A_i B_i^2>)
    <B>+ - <B> = h sum w_i (<A_i B_i^2> - (F + k) <B_i>)

Fails where a step is not short against 1 / (F + k + 2 A B), and where the fronts, some sqrt(D_b / (F + k)) wide, fall
between the points. Values to start from: D_a = 2e-5, D_b = 1e-5, size 2, 128 cells, F = 0.03, k = 0.062 (spots).

Source: P. Gray and S. K. Scott, Autocatalytic reactions in the isothermal, continuous stirred tank reactor, Chem.
Eng. Sci. 39 (1984) 1087-1097, doi:10.1016/0009-2509(84)87017-7; J. E. Pearson, Complex patterns in a simple
system, Science 261 (1993) 189-192, doi:10.1126/science.261.5118.189.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from physics.integrate import etdrk4
from physics.integrate.etdrk4 import Weights

FLOOR = 1e-3  # B below this is none


class Rates(NamedTuple):
    """The numbers of the equation, each of shape (batch,)."""

    feed: Tensor
    kill: Tensor
    diffusion_a: Tensor
    diffusion_b: Tensor
    size: Tensor


def wavenumbers_squared(cells: int, size: Tensor, half: bool = True) -> Tensor:
    """Return |k|^2, shape (batch, cells, cells // 2 + 1), or (batch, ...) of the positive quarter if not `half`."""
    positive = torch.arange(cells // 2 + 1, dtype=size.dtype, device=size.device)
    first = torch.fft.fftfreq(cells, 1.0 / cells, dtype=size.dtype, device=size.device) if half else positive
    return (first[:, None] ** 2 + positive**2) * (2.0 * math.pi / size[:, None, None]) ** 2


def diffusion_rates(rates: Rates, cells: int, half: bool = True) -> Tensor:
    """Return -D |k|^2 of both species, shape (batch, 2, ...)."""
    both = torch.stack([rates.diffusion_a, rates.diffusion_b], 1)[:, :, None, None]
    return -both * wavenumbers_squared(cells, rates.size, half)[:, None]


def parameters_of(rates: Rates, cells: int, h: float) -> tuple[Tensor, ...]:
    """Return what `step` takes as its parameters, differentiable in `rates`: feed, kill and the weights."""
    return (rates.feed, rates.kill, *etdrk4.weights(diffusion_rates(rates, cells), h))


def spectrum(fields: Tensor) -> Tensor:
    """Return the spectra of fields (..., cells, cells)."""
    return torch.fft.rfft2(fields)


def fields_of(spectra: Tensor) -> Tensor:
    """Return the fields (..., cells, cells) of spectra."""
    cells = spectra.shape[-2]
    return torch.fft.irfft2(spectra, s=(cells, cells))


def kept(cells: int, like: Tensor) -> Tensor:
    """Return 1, and 0 at the grid's own wavenumber, whose waves have no phase; shape (cells, cells // 2 + 1)."""
    mask = torch.ones(cells, cells // 2 + 1, dtype=like.real.dtype, device=like.device)
    mask[cells // 2] = mask[:, cells // 2] = 0.0
    return mask


def reaction(spectra: Tensor) -> Tensor:
    """Return the spectrum of A B^2 as far as it is `kept`, shape (batch, cells, cells // 2 + 1)."""
    both = fields_of(spectra)
    return torch.fft.rfft2(both[:, 0] * both[:, 1] ** 2) * kept(spectra.shape[-2], spectra)


def means(spectra: Tensor) -> Tensor:
    """Return <A> and <B>, shape (batch, 2)."""
    return spectra[..., 0, 0].real / spectra.shape[-2] ** 2


def without_diffusion(spectra: Tensor, feed: Tensor, kill: Tensor) -> tuple[Tensor, Tensor]:
    """Return the spectra of all terms but diffusion, (batch, 2, ...), and <A B^2>, (batch,)."""
    cells = spectra.shape[-2]
    made = reaction(spectra)
    loss = torch.stack([feed, feed + kill], 1)[:, :, None, None]
    source = torch.zeros_like(spectra[..., :1, :1])
    source = source + torch.stack([feed, torch.zeros_like(feed)], 1)[:, :, None, None] * cells**2
    fed = torch.nn.functional.pad(source, (0, spectra.shape[-1] - 1, 0, cells - 1))
    return torch.stack([-made, made], 1) - loss * spectra + fed, made[:, 0, 0].real / cells**2


def slope(spectra: Tensor, rates: Rates) -> Tensor:
    """Return the spectra of dA/dt and dB/dt, shape (batch, 2, cells, cells // 2 + 1)."""
    rest, _ = without_diffusion(spectra, rates.feed, rates.kill)
    return rest + diffusion_rates(rates, spectra.shape[-2]) * spectra


def movement(spectra: Tensor, rates: Rates) -> Tensor:
    """Return the root mean square of dB/dt over that of B, which counts as `FLOOR` at least, shape (batch,)."""
    twice = torch.full_like(spectra[0, 0].real, 2.0)
    twice[:, 0] = twice[:, -1] = 1.0  # the half spectrum holds every other wave once
    moving, there = ((twice * part[:, 1].abs() ** 2).sum((-2, -1)) for part in (slope(spectra, rates), spectra))
    return torch.sqrt(moving / there.clamp(min=(FLOOR * spectra.shape[-2] ** 2) ** 2))


def step(state: tuple[Tensor, ...], parameters: tuple[Tensor, ...], index: int) -> tuple[Tensor, ...]:
    """Return the state after one step: (spectra, sums), a pure and differentiable function.

    Args:
        state: spectra (batch, 2, cells, cells // 2 + 1); sums (batch, 3) of what was fed, has reacted and was
            drained since the start, means over the square.
        parameters: of `parameters_of`; the step's length is in them.
        index: not used; every step is alike.
    """
    spectra, sums = state
    feed, kill, by = parameters[0], parameters[1], Weights(*parameters[2:])
    reacted: list[Tensor] = []

    def rest(at: Tensor) -> Tensor:
        terms, made = without_diffusion(at, feed, kill)
        reacted.append(made)
        return terms

    after, stages = etdrk4.step(spectra, rest, by)
    # where diffusion does nothing, the weights of the mean are h / 6, h / 3, h / 3, h / 6
    h = 6.0 * by.w4[:, 0, 0, 0]
    share = [w * h for w in etdrk4.WEIGHTS]
    mean = [means(stage) for stage in stages]
    fed = sum(w * feed * (1.0 - m[:, 0]) for w, m in zip(share, mean, strict=True))
    drained = sum(w * (feed + kill) * m[:, 1] for w, m in zip(share, mean, strict=True))
    made = sum(w * r for w, r in zip(share, reacted, strict=True))
    return after, sums + torch.stack([torch.as_tensor(fed), torch.as_tensor(made), torch.as_tensor(drained)], 1)
