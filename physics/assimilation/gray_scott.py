"""A Gray-Scott square whose B is seen at a few points: the system that an assimilation works on.

    z = (ln F, ln k, those that are not known, and the amplitudes of the modes, the strongest first), over their
    deviations;   sensors: B at points (x, y), or its mean over the square

The equation stands in `physics.equations.gray_scott.scheme`. The prior of the fields is the climatology of squares
with rates about the expected ones, seen at many times: every place and direction alike, so that the covariance of A and
B belongs to the length of the wavevector, and each wave has two modes (how A and B go together) times cosine and sine.
A normal prior lets B fall a little below zero between its spots, where it decays.

It fails where the pattern divides or dies within the window in a way that the sensors do not see, and where spots are
further apart than sensors: then the pattern between them is a guess, which its deviations say.

Source: D. F. Parrish and J. C. Derber, Mon. Weather Rev. 120 (1992) 1747-1763,
doi:10.1175/1520-0493(1992)120<1747:TNMCSS>2.0.CO;2 (covariances by wavenumber).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from physics.assimilation.prior import LogNormal, median_of, numbers_of
from physics.assimilation.sensors import along
from physics.assimilation.system import Fields, State, System, check_reads
from physics.equations.gray_scott import scheme as gray_scott
from physics.equations.gray_scott.march import march, stretches
from physics.equations.gray_scott.scheme import Rates
from physics.equations.gray_scott.start import start_fields
from physics.errors import ParameterError

_MEMBERS = 24
_FRAMES = 8


def gray_scott_system(
    sensors: Any,
    times: Any,
    feed: LogNormal | float,
    kill: LogNormal | float,
    *,
    diffusion_a: float = 2e-5,
    diffusion_b: float = 1e-5,
    size: float = 0.5,
    cells: int = 32,
    step: float = 4.0,
    spots: int = 3,
    mean: bool = False,
    most: int = 120,
    share: float = 0.999,
    horizon: float = 300.0,
    seed: int = 0,
) -> System:
    """Return the system of a square.

    Args:
        sensors: (x, y) of each, in the unit of `size`, shape (sensors, 2).
        times: of the reads after the start of the window, shape (reads,).
        step: the longest, in units of time.
        spots: how many the squares of the climatology start from, and `horizon` how old they are at most.
        mean: whether the mean of B is read too, the last of the sensors.
        most, share: of the modes, see `physics.assimilation.climatology`.

    Raises:
        ParameterError: a sensor outside the square, times that do not rise, or a prior that cannot be.
    """
    at = np.asarray(sensors, dtype=np.float64).reshape(-1, 2)
    for number, (x, y) in enumerate(at, 1):
        if not (0.0 <= x <= size and 0.0 <= y <= size):
            raise ParameterError(f"sensor {number} at x = {x:g}, y = {y:g} is not in the square of side {size:g}")
    if not len(at) and not mean:
        raise ParameterError("there is no sensor; give the place of one, or read the mean")
    given = {"feed": feed, "kill": kill}
    for name, value in given.items():
        if isinstance(value, LogNormal):
            value.checked(name)
    plan = stretches(check_reads(times), step)
    fields = _climatology(given, (diffusion_a, diffusion_b, size), cells, step, spots, horizon, seed)
    background, modes, labels = _modes(fields, most, share)
    one = torch.ones(1, dtype=torch.float64)
    rates = Rates(*(value * one for value in (*map(median_of, given.values()), diffusion_a, diffusion_b, size)))
    weights = {h: gray_scott.parameters_of(rates, cells, h)[2:] for count, h in plan if count}
    lengths = [h for count, h in plan for _ in range(count)]
    grid = np.arange(cells) * size / cells
    along_x, along_y = (torch.from_numpy(along(grid, size, at[:, k], True)) for k in (0, 1))
    seen = (along_x[:, :, None] * along_y[:, None, :]).reshape(len(at), -1)
    unknown = tuple(name for name, value in given.items() if isinstance(value, LogNormal))
    first = len(unknown)

    def initial(z: Tensor) -> tuple[State, State]:
        values = numbers_of(given.values(), z)
        start = background + torch.tensordot(z[:, first:], modes, 1)
        return (gray_scott.spectrum(start), torch.zeros_like(z[:, :1]).expand(-1, 3)), tuple(values)

    def one_step(state: State, parameters: State, index: int) -> State:
        return gray_scott.step(state, (*parameters, *weights[lengths[index]]), index)

    def observe(state: State, parameters: State) -> Tensor:
        b = gray_scott.fields_of(state[0][:, 1])
        points = b.flatten(1) @ seen.T
        return torch.cat([points, b.mean((1, 2))[:, None]], 1) if mean else points

    def describe(state: State, parameters: State) -> Fields:
        both = gray_scott.fields_of(state[0])
        return {"a": both[:, 0], "b": both[:, 1]}

    def compiled(z: np.ndarray, reads: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        count = len(z)
        start = background + torch.tensordot(torch.from_numpy(z[:, first:]), modes, 1)
        fixed = (torch.full((count,), value, dtype=torch.float64) for value in (diffusion_a, diffusion_b, size))
        members = Rates(*numbers_of(given.values(), torch.from_numpy(z)), *fixed)
        passed = march(members, start, plan[:reads], torch.ones(reads, dtype=torch.bool)).fields
        b = passed[:, :, 1]
        read = b.flatten(2) @ seen.T
        read = torch.cat([read, b.mean((2, 3))[..., None]], 2) if mean else read
        return read.numpy(), {"a": passed[:, -1, 0].numpy(), "b": b[:, -1].numpy()}

    return System(
        size=first + len(modes),
        initial=initial,
        step=one_step,
        observe=observe,
        describe=describe,
        steps=len(lengths),
        reads=tuple(np.cumsum([count for count, _ in plan]).tolist()),
        parameters=("feed", "kill"),
        unknown=unknown,
        prior_deviation=tuple(value.deviation for value in given.values() if isinstance(value, LogNormal)),
        labels=(*(f"ln {name}" for name in unknown), *labels),
        compiled=compiled,
    )


def _climatology(
    given: dict[str, LogNormal | float],
    fixed: tuple[float, float, float],
    cells: int,
    step: float,
    spots: int,
    horizon: float,
    seed: int,
) -> Tensor:
    """Return fields of squares of random rates, starts and ages, (samples, 2, cells, cells)."""
    random = np.random.default_rng(seed)

    def drawn(value: LogNormal | float) -> Tensor:
        deviation = value.deviation if isinstance(value, LogNormal) else 0.0
        return torch.from_numpy(median_of(value) * np.exp(deviation * random.standard_normal(_MEMBERS)))

    rates = Rates(*(drawn(value) for value in given.values()), *(torch.full((_MEMBERS,), v).double() for v in fixed))
    width = 12.0 * math.sqrt(fixed[1])
    start = torch.stack(
        [start_fields(cells, fixed[2], width, spots, int(random.integers(1 << 31)), False) for _ in range(_MEMBERS)]
    )
    times = torch.linspace(0.0, horizon, _FRAMES, dtype=torch.float64)
    kept = torch.ones(_FRAMES, dtype=torch.bool)
    fields = march(rates, start, stretches(times, step), kept).fields.flatten(0, 1)
    return fields[torch.isfinite(fields).all(-1).all(-1).all(-1)]


def _modes(fields: Tensor, most: int, share: float) -> tuple[Tensor, Tensor, list[str]]:
    """Return the mean (2, cells, cells), the modes (modes, 2, cells, cells) and what they are."""
    cells = fields.shape[-1]
    background = fields.mean((0, 2, 3))[:, None, None].expand(2, cells, cells)
    size = (fields - background).square().mean((0, 2, 3)).sqrt()
    spectra = torch.fft.fft2((fields - background) / size[:, None, None]) / cells**2
    k = torch.fft.fftfreq(cells, 1.0 / cells)
    square = (k[:, None] ** 2 + k[None, :] ** 2).round().long()
    found: list[tuple[float, int, int, Tensor]] = []
    for shell in square.unique().tolist():
        if shell >= (cells / 3.0) ** 2:
            continue
        waves = spectra[:, :, square == shell]
        covariance = torch.einsum("saw,sbw->ab", waves.conj(), waves).real / (waves.shape[0] * waves.shape[2])
        strengths, shapes = torch.linalg.eigh(covariance)
        for p, q in torch.nonzero(square == shell).tolist():
            if (p, q) <= ((-p) % cells, (-q) % cells):  # a wave and its mirror are one
                found += [(float(s), p, q, v) for s, v in zip(strengths, shapes.T, strict=True)]
    found.sort(key=lambda each: -each[0] * (1 if each[1] == each[2] == 0 else 2))
    total = sum(s * (1 if p == q == 0 else 2) for s, p, q, _ in found)
    angle = 2.0 * math.pi * torch.arange(cells, dtype=torch.float64) / cells
    modes: list[Tensor] = []
    labels: list[str] = []
    held = 0.0
    for strength, p, q, shape in found:
        width = 1 if p == q == 0 else 2
        if len(modes) + width > most or held >= share * total:
            break
        phase = p * angle[:, None] + q * angle[None, :]
        both = (math.sqrt(strength * width) * shape * size)[:, None, None]
        modes += [both * torch.cos(phase), both * torch.sin(phase)][:width]
        labels += [f"wave ({p if p < cells / 2 else p - cells}, {q if q < cells / 2 else q - cells})"] * width
        held += width * strength
    return background.contiguous(), torch.stack(modes), labels
