"""Is the diffusivity from a noisy flash curve unbiased, with heat loss and a finite pulse? A fit beside hand methods.

Curves of a disc with the same loss on both faces and a square pulse of a twentieth of the half-rise time are read with
white noise, from one half-rise time before the pulse to twelve after it. The fit frees diffusivity, Biot number,
amplitude and baseline; the others are read off the same noisy curves (`evals.virtual_lab.by_hand`): Parker's half-rise
time, Cowan's corrections at five and ten half-rise times, Clark and Taylor's ratio. One row for each Biot number: the
mean error of each in per cent, with its standard error, and the error of Cowan's formulas on the exact curve.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from evals.instruments import Instrument, read
from evals.virtual_lab.by_hand import METHODS, diffusivities
from physics.calibrate.fit import fit_batch
from physics.equations.flash.corrections import constant_error
from physics.experiments import get

VERSION = 1
MINUTES = 8.0
BIOTS = (0.0, 0.01, 0.02, 0.04, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7)
DRAWS = 200
NOISE = 0.005  # of the adiabatic rise, one reading
UNBIASED = 0.1  # per cent
_THICKNESS, _DIFFUSIVITY = 2e-3, 4e-6
_HALF = 0.1388 * _THICKNESS**2 / _DIFFUSIVITY
_WIDTH = 0.05 * _HALF
_RATE = 50  # readings within a half-rise time
_BATCH = 200


def run(
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
    biots: Sequence[float] = BIOTS,
    draws: int = DRAWS,
) -> dict[str, Any]:
    """Evaluate `draws` noisy curves for every Biot number."""
    started = time.perf_counter()
    generator = torch.Generator().manual_seed(seed)
    rows = []
    for biot in biots:
        if progress is not None:
            progress(f"flash bias: Biot number {biot:g}, {draws} curves")
        rows.append(_row(biot, draws, generator))
    return {
        "suite": "flash_bias",
        "version": VERSION,
        "seed": seed,
        "rows": rows,
        "summary": summary(rows),
        "seconds": time.perf_counter() - started,
    }


def _row(biot: float, draws: int, generator: torch.Generator) -> dict[str, Any]:
    experiment = get("flash")
    settings = experiment.complete(
        {
            "thickness": _THICKNESS,
            "diffusivity": _DIFFUSIVITY,
            "biot": max(biot, 0.05),
            "pulse": "square",
            "pulse_width": _WIDTH,
        }
    )
    times = torch.arange(-_RATE, 12 * _RATE + 1, dtype=torch.float64) * (_HALF / _RATE)
    disc = experiment.model(settings, times.clamp_min(0.0), 1e-8)  # type: ignore[misc]
    found: dict[str, list[Tensor]] = {name: [] for name in ("fit", *METHODS)}
    for start in range(0, draws, _BATCH):
        count = min(_BATCH, draws - start)
        true = {"diffusivity": torch.full((count,), _DIFFUSIVITY), "biot": torch.full((count,), biot)}
        true = {name: value.to(torch.float64) for name, value in true.items()}
        curves = read(Instrument(NOISE), partial(_rise, disc, true), times, generator).values
        found["fit"].append(_fitted(disc, times, curves))
        for name, value in diffusivities(times, curves, _THICKNESS, _WIDTH, _HALF).items():
            found[name].append(value)
    row: dict[str, Any] = {"biot": biot, "n": draws}
    for name, values in found.items():
        error = 100 * (torch.cat(values) / _DIFFUSIVITY - 1)
        row |= {name: float(error.mean()), f"{name}_se": float(error.std() / draws**0.5)}
    at = torch.tensor([biot], dtype=torch.float64)
    return row | {f"{name}_exact": 100 * float(constant_error(name, at)[0]) for name in ("five", "ten")}


def _rise(disc: Any, parameters: dict[str, Tensor], times: Tensor) -> Tensor:
    """The rear curve, nothing before the pulse."""
    return torch.where(times > 0, disc(parameters, times.clamp_min(0.0)), 0.0)


def _fitted(disc: Any, times: Tensor, curves: Tensor) -> Tensor:
    """The diffusivity from a fit of the whole curve, shape (batch,)."""

    def model(parameters: dict[str, Tensor], at: Tensor) -> Tensor:
        return _rise(disc, parameters, at) + parameters["baseline"][:, None]

    start = {"diffusivity": 1.2 * _DIFFUSIVITY, "biot": 0.05, "amplitude": 0.8, "baseline": 0.0}
    fits = fit_batch(model, times, curves, start, bounds={"baseline": (-1.0, 1.0)})
    return torch.tensor([fit.parameters["diffusivity"].value for fit in fits], dtype=torch.float64)


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the largest mean error of each method, and whether that of the fit is below the wanted 0.1 %."""
    names = ("fit", *METHODS)
    largest = {name: max((row[name] for row in rows), key=abs) for name in names}
    return {
        "largest_error_percent": largest,
        "fit_unbiased_within_percent": UNBIASED,
        "fit_unbiased": abs(largest["fit"]) < UNBIASED,
        "largest_standard_error_of_the_fit": max(row["fit_se"] for row in rows),
        "noise": NOISE,
        "pulse_over_half_rise_time": _WIDTH / _HALF,
    }
