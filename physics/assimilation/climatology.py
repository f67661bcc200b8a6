"""What is known of a convecting layer before it is measured: the mean and the modes of states that such layers pass.

    u, w, T = mean + sum_m z_m mode_m,      z ~ N(0, I)

Layers with Rayleigh numbers about the expected one start from rest, stirred by disturbances of any shape and size, and
are seen at many times, from the first to the settled one. Where the rolls stand is not known: the covariance is the
same at every x, so every wavenumber has modes of its own, a shape across the layer times the cosine and the sine, and
mirror images are as likely as the states themselves. Shapes are those of the pooled covariance of T and velocity
(each over its own mean square), the strongest first. A sum of modes has no divergence, as no state has any.

The true distribution is not normal: settled rolls have one strength and any phase, a ring in (cosine, sine), and the
normal of the same variance has its peak at no rolls. It is wide enough to hold them.

Source: D. F. Parrish and J. C. Derber, The National Meteorological Center's spectral statistical-interpolation
analysis system, Mon. Weather Rev. 120 (1992) 1747-1763, doi:10.1175/1520-0493(1992)120<1747:TNMCSS>2.0.CO;2
(covariances by wavenumber).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from physics.assimilation.sensors import across, along
from physics.equations.boussinesq.layer import Layer, conduction
from physics.equations.boussinesq.run import Flow, Marcher

TIMES = (0.0, 0.004, 0.008, 0.015, 0.025, 0.04, 0.06, 0.09, 0.13, 0.18, 0.25, 0.35)  # sqrt(1e5 / Ra) diffusion times
_WAVES, _ROWS = 4, 3  # of the disturbances
_WEAKEST, _STRONGEST = 0.01, 0.4


@dataclass(frozen=True)
class Climatology:
    """Fields on a layer's grid: means of shape (1, ...) and modes (modes, ...); the pressure is left out.

    `labels` say each mode's wavenumber (pairs of rolls in the period), and `share` the part of the variance that the
    modes hold; velocity and T are measured in their `sizes` there. `examples` are amplitudes of states that were
    passed, (examples, modes), and `rayleigh` the Rayleigh numbers of their layers, (examples,).
    """

    layer: Layer
    mean: tuple[np.ndarray, np.ndarray, np.ndarray]
    modes: tuple[np.ndarray, np.ndarray, np.ndarray]
    labels: tuple[str, ...]
    share: float
    sizes: tuple[float, float]
    examples: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    rayleigh: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def shifted(self, examples: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """Return the amplitudes of the examples (count, modes) moved along x by shares (count,) of the period."""
        moved = examples.copy()
        m = 0
        while m < len(self.labels):
            wave = int(self.labels[m].split()[-1])
            if wave == 0:
                m += 1
                continue
            angle = 2.0 * math.pi * wave * shares
            a, b = examples[:, m], examples[:, m + 1]
            moved[:, m], moved[:, m + 1] = a * np.cos(angle) - b * np.sin(angle), a * np.sin(angle) + b * np.cos(angle)
            m += 2
        return moved

    def amplitudes(self, states: tuple[np.ndarray, ...]) -> np.ndarray:
        """Return the amplitudes (states, modes) of states u, w, T: the modes are orthogonal in these weights."""
        layer, (size_u, size_t) = self.layer, self.sizes
        weights = (layer.dz / size_u**2, layer.gap / size_u**2, layer.dz / size_t**2)
        products, own = np.zeros((len(states[0]), len(self.labels))), np.zeros(len(self.labels))
        for state, mean, modes, weight in zip(states, self.mean, self.modes, weights, strict=True):
            weighed = modes * weight[:, None]
            products += np.tensordot(state - mean, weighed, ((1, 2), (1, 2)))
            own += (modes * weighed).sum((1, 2))
        return np.asarray(products / own)

    def on(self, layer: Layer) -> Climatology:
        """Return the same fields on a finer grid, through the stream function and the splines of `sensors`."""
        carry = Carry(self.layer, layer)
        return Climatology(
            layer, carry.fields(self.mean, 1.0), carry.fields(self.modes, 0.0), self.labels, self.share, self.sizes
        )


def climatology(
    layer: Layer, rayleigh: float, deviation: float, prandtl: float, *, members: int, share: float, most: int, seed: int
) -> Climatology:
    """Return the climatology of a periodic layer.

    Args:
        rayleigh, deviation: the expected Rayleigh number and the standard deviation of its logarithm.
        share: of the variance to keep, with `most` modes at most.
        seed: of the disturbances.
    """
    samples, numbers = _samples(layer, rayleigh, max(deviation, 0.1), prandtl, members, seed)
    found = _modes(layer, samples, share, most)
    return replace(found, examples=found.amplitudes(samples), rayleigh=numbers)


def _samples(
    layer: Layer, rayleigh: float, deviation: float, prandtl: float, members: int, seed: int
) -> tuple[tuple[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    """March the layers and return u, w, T, (members * times, rows, nx), and the Rayleigh number of each."""
    random = np.random.default_rng(seed)
    numbers = torch.from_numpy(rayleigh * np.exp(deviation * random.standard_normal(members)))
    state = conduction(layer, members)
    size = _WEAKEST * (_STRONGEST / _WEAKEST) ** random.random(members)
    stirred = size[:, None, None] * np.stack([_disturbance(layer, random) for _ in range(members)])
    state = state._replace(T=state.T + torch.from_numpy(stirred))
    one = torch.ones(members, dtype=torch.float64)
    flow = Flow(numbers, prandtl * one, one, 1, one)
    marcher = Marcher(layer, flow, state, torch.device("cpu"))
    scale = math.sqrt(1e5 / rayleigh)
    kept, told, now = [], [], 0.0
    for time in TIMES:
        while now < time * scale * (1.0 - 1e-9):
            stretch = min(0.02 * scale, time * scale - now)
            marcher.advance(stretch, np.flatnonzero(marcher.sound))
            now += stretch
        told.append(numbers.numpy()[marcher.sound])
        kept.append([part[torch.from_numpy(marcher.sound)].numpy().copy() for part in marcher.state[:3]])
    u, w, t = (np.concatenate(parts) for parts in zip(*kept, strict=True))
    return (u, w, t), np.concatenate(told)


def _disturbance(layer: Layer, random: np.random.Generator) -> np.ndarray:
    """Return a random sum of the longest waves, of root mean square one."""
    z, x = layer.z_centres[:, None], layer.x_centres[None, :]
    total = np.zeros((layer.nz, layer.nx))
    for wave in range(_WAVES + 1):
        for row in range(1, _ROWS + 1):
            phase, size = 2.0 * math.pi * random.random(), random.standard_normal() / (1.0 + wave + row)
            total += size * np.sin(row * math.pi * z) * np.cos(2.0 * math.pi * wave * x / layer.aspect + phase)
    return np.asarray(total / np.sqrt((total**2 * layer.dz[:, None]).sum() / layer.nx))


def _modes(layer: Layer, samples: tuple[np.ndarray, np.ndarray, np.ndarray], share: float, most: int) -> Climatology:
    """Return the climatology without examples."""
    u, w, t = samples
    rows, n = np.sqrt(layer.dz), layer.nx
    mean_t = t.mean(axis=(0, 2))
    size_t = math.sqrt(((t - mean_t[:, None]) ** 2 * layer.dz[:, None]).sum(1).mean())
    size_u = math.sqrt((u**2 * layer.dz[:, None]).sum(1).mean() + (w[:, :-1] ** 2 * layer.dz[:, None]).sum(1).mean())
    gap = np.sqrt(layer.gap)
    found = []  # strength, wavenumber, shapes of u, w, T
    for k in range(n // 2):
        turn = np.exp(1j * math.pi * k / n)  # from faces to centres
        parts = [np.fft.rfft(part, axis=-1)[:, :, k] / n for part in (u, w, t - mean_t[:, None])]
        # with mirror images, T and w are even where i u is: the covariance of these is real
        vectors = np.concatenate(
            [1j * turn * parts[0] * rows / size_u, parts[1] * gap / size_u, parts[2] * rows / size_t], axis=1
        )
        for block in _blocks(layer.nz, k):
            part = vectors[:, block]
            strengths, shapes = np.linalg.eigh((part.conj().T @ part).real / len(part))
            found += [(s, k, block, v) for s, v in zip(strengths[::-1], shapes.T[::-1], strict=True)]
    weights = np.array([s * (1.0 if k == 0 else 2.0) for s, k, _, _ in found])
    order = np.argsort(-weights, kind="stable")
    made: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    labels: list[str] = []
    held = 0.0
    for place in order:
        strength, k, block, shape = found[place]
        width = 1 if k == 0 else 2
        if len(made) + width > most or held >= share:
            break
        full = np.zeros(3 * layer.nz + 1)
        full[block] = shape * math.sqrt(max(strength, 0.0))
        made += _waves(layer, k, full, size_u, size_t)
        labels += [f"wavenumber {k}"] * width
        held += weights[place] / weights.sum()
    rest = conduction(layer, 1)
    mean = (rest.u.numpy(), rest.w.numpy(), np.broadcast_to(mean_t[:, None], (1, layer.nz, n)).copy())
    modes = tuple(np.stack(parts) for parts in zip(*made, strict=True))
    return Climatology(layer, mean, (modes[0], modes[1], modes[2]), tuple(labels), float(held), (size_u, size_t))


def _blocks(nz: int, k: int) -> list[slice]:
    """Without a wave, u and T are apart and w is zero; else all three belong together."""
    return [slice(0, nz), slice(2 * nz + 1, 3 * nz + 1)] if k == 0 else [slice(0, 3 * nz + 1)]


def _waves(
    layer: Layer, k: int, shape: np.ndarray, size_u: float, size_t: float
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Return the fields of a shape: one without a wave, its cosine and its sine with one."""
    nz, n, rows = layer.nz, layer.nx, np.sqrt(layer.dz)
    u = shape[:nz] * size_u / rows
    w = shape[nz : 2 * nz + 1] * size_u / np.sqrt(layer.gap)
    t = shape[2 * nz + 1 :] * size_t / rows
    if k == 0:
        flat = np.ones(n)
        return [(np.outer(u, flat), np.outer(w, flat), np.outer(t, flat))]
    angle = 2.0 * math.pi * k * (np.arange(n) + 0.5) / n
    at_faces = angle - math.pi * k / n
    scale = math.sqrt(2.0)  # 2 Re(v e^{ikx}) with E |v|^2 = strength
    return [
        (scale * np.outer(u, np.sin(at_faces)), scale * np.outer(w, np.cos(angle)), scale * np.outer(t, np.cos(angle))),
        (
            scale * np.outer(u, -np.cos(at_faces)),
            scale * np.outer(w, np.sin(angle)),
            scale * np.outer(t, np.sin(angle)),
        ),
    ]


class Carry:
    """Carries fields to another grid of the same layer, finer or coarser."""

    def __init__(self, old: Layer, new: Layer) -> None:
        self.old, self.new = old, new
        faces = [np.arange(layer.nx) * layer.h for layer in (old, new)]
        self.x = along(old.x_centres, old.aspect, new.x_centres, old.periodic)
        self.x_faces = along(faces[0], old.aspect, faces[1], old.periodic)
        self.z, self.lower, _ = across(old.z_centres, new.z_centres)
        self.z_faces, _, self.from_top = across(old.z_faces[1:-1], new.z_faces)

    def fields(
        self, fields: tuple[np.ndarray, np.ndarray, np.ndarray], bottom: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return u, w, T on the new grid; T is `bottom` at the lower plate, 0 at the upper one."""
        u, _, t = fields
        temperature = np.einsum("Jj,bji,Ii->bJI", self.z, t, self.x) + bottom * self.lower[:, None]
        # psi at the corners: u = d psi / dz, w = -d psi / dx, zero in the lower plate but for a mean current above it
        psi = np.cumsum(u * self.old.dz[:, None], axis=1)
        there = np.einsum("Jj,bji->bJi", self.z_faces, psi[:, :-1]) + self.from_top[:, None] * psi[:, -1:]
        there = np.einsum("bJi,Ii->bJI", there, self.x_faces)
        there[:, 0] = 0.0
        after = np.roll(there, -1, axis=-1)
        return np.diff(there, axis=1) / self.new.dz[:, None], (there - after) / self.new.h, temperature


def combined(climate: Climatology, z: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return u, w, T = mean + z modes and a pressure of zero, for z (batch, modes), real or complex."""
    u, w, t = (mean + np.tensordot(z, modes, 1) for mean, modes in zip(climate.mean, climate.modes, strict=True))
    return u, w, t, np.zeros_like(t)
