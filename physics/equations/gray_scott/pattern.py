"""What pattern a field of B is: its wavelength, and its class by the shape of what is rich in B.

    lambda = 2 pi / k,   k the mean wavenumber, by power, of the rings within a factor 1.5 of the strongest one

The field is refined by its Fourier series and cut half way between its least
and its largest value into a rich and a poor phase, each made of connected pieces (across the edges too). A piece of
area a, with d the radius of the largest disc in it, has the extent a / (pi d^2): 1 for a disc, 2 l / (pi d) for a
strip of length l; pieces are averaged by area. The thinned rich phase has ends (one neighbour) and junctions (three).

    dead       B below `DEAD` everywhere: washed out
    uniform    B is there, and its spread is below `FLAT` of its mean
    forming    it moves (`MOVING`), and has had less than `FORMED` turnovers, t (F + k), to form
    gliders    it moves, its rich pieces are compact and far apart: extent over contrast (spread of B over its mean)
    spirals    it moves and they are not
    spots      rich pieces are compact
    bubbles    poor pieces are compact, the rich phase is the net between them
    worms      rich pieces are extended, and ends outnumber junctions by more than `BRANCHED` to one
    maze       rich pieces are extended and branch, or run on without ends

The class is that of the moment: a run that is cut short shows worms as spots that have not grown yet. The bounds are
measured on the six regimes that The Well computed, several starts each; near a bound the names are convention.

Source: J. E. Pearson, Complex patterns in a simple system, Science 261 (1993) 189-192,
doi:10.1126/science.261.5118.189; the thinning is that of T. Y. Zhang and C. Y. Suen, A fast parallel algorithm for
thinning digital patterns, Commun. ACM 27 (1984) 236-239, doi:10.1145/357994.358023.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from numba import njit
from scipy import ndimage
from torch import Tensor

CLASSES = ("dead", "uniform", "forming", "spots", "worms", "maze", "bubbles", "gliders", "spirals")
DEAD = 0.01
FLAT = 0.02
MOVING = 4e-3  # root mean square of dB/dt over that of B, per unit of time
FORMED = 60.0
COMPACT = 2.75
SPARSE = 1.75  # extent over contrast: what moves bends, but gliders leave most of the square empty
BRANCHED = 3.0
_FINER = 2  # times the points a side that the phases are cut from


class Shape(NamedTuple):
    """What the class is read from."""

    rich_extent: float
    poor_extent: float
    rich_pieces: int
    poor_pieces: int
    ends: int
    junctions: int
    contrast: float


def wavelength(field: Tensor, size: Tensor) -> Tensor:
    """Return the wavelength of fields (batch, cells, cells), shape (batch,); zero where there is no pattern."""
    cells = field.shape[-1]
    power = torch.fft.fft2(field).abs() ** 2
    along = torch.fft.fftfreq(cells, 1.0 / cells, dtype=field.dtype, device=field.device)
    k = torch.sqrt(along[:, None] ** 2 + along**2)
    ring = k.round().long().clamp(max=cells // 2)
    rings = field.new_zeros(len(field), cells // 2 + 1)
    rings.index_add_(1, ring.reshape(-1), power.reshape(len(field), -1))
    rings[:, 0] = 0.0
    peak = rings[:, :-1].argmax(1).to(field.dtype)[:, None, None]
    near = power * ((k > peak / 1.5) & (k < peak * 1.5))
    mean = (near * k).sum((1, 2)) / near.sum((1, 2)).clamp(min=1e-300)
    flat = ~has_pattern(field)
    return torch.where(flat, 0.0, size / torch.where(flat, 1.0, mean))


def has_pattern(field: Tensor) -> Tensor:
    """Say which fields (batch, cells, cells) are neither dead nor uniform."""
    flat = field.flatten(1)
    return (flat.amax(1) >= DEAD) & (flat.std(1) >= FLAT * flat.mean(1).abs())


def classify(field: Tensor, change: Tensor, turnovers: Tensor) -> Tensor:
    """Return the index into `CLASSES` of each field of B (batch, cells, cells), shape (batch,), int64.

    Args:
        change: how fast each field moves, in units of `MOVING`'s, shape (batch,).
        turnovers: how often the square's content has been renewed, t (F + k), shape (batch,).
    """
    found = []
    given = (has_pattern(field).tolist(), change.tolist(), turnovers.tolist())
    for one, patterned, speed, age in zip(field.cpu(), *given, strict=True):
        if not patterned:
            found.append("dead" if float(one.max()) < DEAD else "uniform")
        elif speed > MOVING and age < FORMED:
            found.append("forming")
        else:
            found.append(name_of(shape_of(one), speed))
    return torch.tensor([CLASSES.index(name) for name in found])


def name_of(shape: Shape, speed: float) -> str:
    """Return the class of a pattern."""
    if speed > MOVING:
        return "gliders" if shape.rich_extent <= SPARSE * shape.contrast else "spirals"
    if shape.rich_extent <= COMPACT:
        return "spots"
    if shape.poor_extent <= COMPACT and shape.poor_pieces > 1 and shape.junctions > 0:
        return "bubbles"
    return "worms" if shape.ends > BRANCHED * shape.junctions else "maze"


def shape_of(field: Tensor) -> Shape:
    """Measure the two phases of one field (cells, cells)."""
    fine = _refined(field).numpy()
    rich = fine > 0.5 * (fine.min() + fine.max())
    rich_extent, rich_pieces = _extent(rich)
    poor_extent, poor_pieces = _extent(~rich)
    ends, junctions = _nodes(_thinned(rich.astype(np.uint8)))
    contrast = float(field.std() / field.mean())
    return Shape(rich_extent, poor_extent, rich_pieces, poor_pieces, ends, junctions, contrast)


def _refined(field: Tensor) -> Tensor:
    """Return the Fourier series of a field on a grid of `_FINER` times the points a side."""
    cells = field.shape[-1]
    half = cells // 2
    spectrum = torch.fft.rfft2(field)
    wide = spectrum.new_zeros(_FINER * cells, _FINER * half + 1)
    wide[:half, :half], wide[-half + 1 :, :half] = spectrum[:half, :half], spectrum[-half + 1 :, :half]
    return torch.fft.irfft2(wide, s=(_FINER * cells, _FINER * cells)) * _FINER**2


def _extent(phase: np.ndarray) -> tuple[float, int]:
    """Return the mean extent by area of the periodic pieces of a phase, and how many there are."""
    n = phase.shape[0]
    labels, count = ndimage.label(phase)
    parent = np.arange(count + 1)

    def root(k: int) -> int:
        while parent[k] != k:
            k = int(parent[k])
        return k

    for one, other in zip([*labels[0], *labels[:, 0]], [*labels[-1], *labels[:, -1]], strict=True):
        if one and other:
            parent[root(int(one))] = root(int(other))
    pieces = np.array([root(k) for k in range(count + 1)])[labels]
    depth = ndimage.distance_transform_edt(np.pad(phase, n // 2, mode="wrap"))[n // 2 : n // 2 + n, n // 2 : n // 2 + n]
    kinds = np.unique(pieces[phase])
    area = ndimage.sum_labels(phase, pieces, kinds)
    # the distance is to the next point outside, half a spacing beyond the edge
    radius = ndimage.maximum(depth, pieces, kinds) - 0.5
    extent = np.maximum(1.0, area / (math.pi * np.maximum(radius, 0.5) ** 2))
    return float((extent * area).sum() / area.sum()), len(kinds)


@njit(cache=True, nogil=True)
def _thinned(phase):
    """Thin a periodic phase of 0 and 1 to lines of one point's width; works in place."""
    n = phase.shape[0]
    ring = np.zeros(8, dtype=np.uint8)
    gone = np.zeros(phase.shape, dtype=np.uint8)
    changed, half = 2, 0
    while changed > 0:
        count = 0
        for i in range(n):
            for j in range(n):
                if phase[i, j]:
                    _around(phase, i, j, ring)
                    total, rises = 0, 0
                    for k in range(8):
                        total += ring[k]
                        rises += ring[k] == 0 and ring[(k + 1) % 8] == 1
                    if half == 0:
                        edge = ring[0] * ring[2] * ring[4] == 0 and ring[2] * ring[4] * ring[6] == 0
                    else:
                        edge = ring[0] * ring[2] * ring[6] == 0 and ring[0] * ring[4] * ring[6] == 0
                    if 2 <= total <= 6 and rises == 1 and edge:
                        gone[i, j] = 1
                        count += 1
        for i in range(n):
            for j in range(n):
                if gone[i, j]:
                    phase[i, j] = 0
                    gone[i, j] = 0
        changed = 2 if count else changed - 1
        half = 1 - half
    return phase


@njit(cache=True, nogil=True, inline="always")
def _around(phase, i, j, ring):
    """Write the eight neighbours of a point, clockwise from the one above."""
    n = phase.shape[0]
    up, down, left, right = (i - 1) % n, (i + 1) % n, (j - 1) % n, (j + 1) % n
    ring[0], ring[1], ring[2], ring[3] = phase[up, j], phase[up, right], phase[i, right], phase[down, right]
    ring[4], ring[5], ring[6], ring[7] = phase[down, j], phase[down, left], phase[i, left], phase[up, left]


def _nodes(lines: np.ndarray) -> tuple[int, int]:
    """Count the ends and the junctions of thinned lines; neighbouring junction points are one."""
    around = [np.roll(lines, shift, (0, 1)) for shift in ((1, 0), (1, -1), (0, -1), (-1, -1))]
    around += [np.roll(lines, shift, (0, 1)) for shift in ((-1, 0), (-1, 1), (0, 1), (1, 1))]
    rises = sum((a == 0) & (b == 1) for a, b in zip(around, [*around[1:], around[0]], strict=True))
    on = lines == 1
    alone = on & (np.sum(around, axis=0) == 0)
    ends = int((on & (rises == 1)).sum()) + 2 * int(alone.sum())
    _, junctions = ndimage.label(on & (rises >= 3), structure=np.ones((3, 3)))
    return ends, int(junctions)
