"""Is a convecting layer found from sixteen thermometers? Hidden runs on another grid, by both methods.

Each truth starts from rest with a disturbance of its own, has run for a while that nobody knows, and is marched on a
grid that the assimilation does not use, finer than its own, with steps of its own. Its readings have noise of 1 % of
the temperature difference. The Rayleigh number is known to a factor exp(0.3), its prior's median off by up to that.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from physics.assimilation.analysis import Analysis, agreement
from physics.assimilation.convection import Cell, cell, system_of
from physics.assimilation.convection_entry import entered
from physics.assimilation.prior import LogNormal
from physics.assimilation.sensors import across, along
from physics.assimilation.smoother import ensemble_smoother
from physics.assimilation.system import Observations, System
from physics.assimilation.variational import four_d_var
from physics.equations.boussinesq.layer import Layer, conduction
from physics.equations.boussinesq.run import Flow, Marcher

VERSION = 2
MINUTES = 30.0
COUNT = 10
RAYLEIGH, DEVIATION, NOISE = 1e5, 0.3, 0.01
WINDOW, READS, BEYOND = 0.2, 40, (0.05, 0.2)
ROWS, STRETCH, LONGEST = 72, 1.7, 0.005  # of the hidden run's grid; the longest stretch between two looks at its speed
METHODS: dict[str, Callable[[System, Observations], Analysis]] = {
    "4D-Var": four_d_var,
    "ensemble smoother": ensemble_smoother,
}


def run(
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
    count: int = COUNT,
    methods: tuple[str, ...] = tuple(METHODS),
) -> dict[str, Any]:
    """Assimilate `count` hidden runs; one row for each and each method."""
    started = time.perf_counter()
    rows: list[dict[str, Any]] = []
    for number in range(count):
        if progress is not None:
            progress(f"assimilation: hidden run {number + 1} of {count}")
        rows += score(seed + number, methods)
    return {
        "suite": "assimilation",
        "version": VERSION,
        "seed": seed,
        "rows": rows,
        "summary": summary(rows),
        "seconds": time.perf_counter() - started,
    }


def score(seed: int, methods: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the rows of one hidden run."""
    random = np.random.default_rng(seed)
    sensors = np.array([(x, z) for x in (0.25, 0.75, 1.25, 1.75) for z in (0.125, 0.375, 0.625, 0.875)])
    times = np.linspace(WINDOW / READS, WINDOW, READS)
    hidden = Hidden(random)
    readings = np.stack([hidden.seen(sensors, until) for until in times])
    shown = cell(sensors, times, LogNormal(RAYLEIGH * float(np.exp(DEVIATION * random.uniform(-1, 1))), DEVIATION))
    ends = [hidden.on(shown)] + [hidden.after(WINDOW + later).on(shown) for later in BEYOND]
    observations = Observations(torch.from_numpy(readings + NOISE * random.standard_normal(readings.shape)), NOISE)
    begun = time.perf_counter()
    entry = entered(shown, observations, seed)
    system, spent = system_of(entry.cell), time.perf_counter() - begun
    rows, found = [], []
    for name in methods:
        begun = time.perf_counter()
        found.append(METHODS[name](system, entry.observations))
        seconds = spent + time.perf_counter() - begun
        rows.append(_row(seed, found[-1], entry.cell, ends) | {"begins at read": entry.read + 1, "seconds": seconds})
    if len(found) == 2:
        same = agreement(found[0], found[1])
        rows = [row | {"agree": same.inside, "fields_agree": min(same.fields.values())} for row in rows]
    return rows


class Hidden:
    """The truth and its clock; the window begins at zero."""

    def __init__(self, random: np.random.Generator) -> None:
        self.layer = layer = Layer(2 * ROWS, ROWS, 2.0, stretch=STRETCH)
        x, z = layer.x_centres[None], layer.z_centres[:, None]
        stirred = np.zeros((layer.nz, layer.nx))
        for wave in (1, 2, 3):
            shape = np.sin(np.pi * random.integers(1, 3) * z) * np.cos(np.pi * wave * x + 2 * np.pi * random.random())
            stirred += random.standard_normal() / wave * shape
        stirred *= (0.05 + 0.25 * random.random()) / np.abs(stirred).max()
        state = conduction(layer, 1)
        state = state._replace(T=state.T + torch.from_numpy(stirred))
        one = torch.ones(1, dtype=torch.float64)
        self.marcher = Marcher(layer, Flow(RAYLEIGH * one, one, one, 1, one), state, torch.device("cpu"))
        self.now = -0.1 * float(random.random())
        self.after(0.0)

    def after(self, time: float) -> Hidden:
        """March on to a time of the window or beyond it."""
        parts = int(np.ceil((time - self.now) / LONGEST * (1.0 - 1e-9)))
        for _ in range(parts):
            self.marcher.advance((time - self.now) / parts, np.array([0]))
        self.now = time
        return self

    def seen(self, sensors: np.ndarray, time: float) -> np.ndarray:
        """March on and return what the sensors read."""
        up, lower, _ = across(self.layer.z_centres, sensors[:, 1])
        side = along(self.layer.x_centres, self.layer.aspect, sensors[:, 0], True)
        t = self.after(time).marcher.state.T[0].numpy()
        return np.asarray(np.einsum("sj,ji,si->s", up, t, side) + lower)

    def on(self, shown: Cell) -> dict[str, np.ndarray]:
        """Return T and the velocity where the assimilation reports them, T less that of conduction."""
        u, w, t = (part[0].numpy() for part in self.marcher.state[:3])
        x, z = shown.axes["x"], shown.axes["z"]
        up, lower, _ = across(self.layer.z_centres, z)
        faces = across(self.layer.z_faces[1:-1], z)[0]
        side = along(self.layer.x_centres, 2.0, x, True)
        from_faces = along(np.arange(self.layer.nx) * self.layer.h, 2.0, x, True)
        velocity = np.stack([up @ u @ from_faces.T, faces @ w[1:-1] @ side.T])
        return {"temperature": up @ t @ side.T + lower[:, None] - (1.0 - z)[:, None], "velocity": velocity}


def _row(seed: int, found: Analysis, shown: Cell, ends: list[dict[str, np.ndarray]]) -> dict[str, Any]:
    rayleigh = found.parameters["rayleigh"]
    fields = [{name: field.mean.numpy() for name, field in found.end.items()}]
    for later in BEYOND:
        _, end = shown.run(found.z.numpy(), shown.times[-1:] + later)
        fields.append({name: part.numpy() for name, part in end.items()})
    row = {
        "seed": seed,
        "method": found.method,
        "status": found.status.name,
        "rayleigh_error": rayleigh.value / RAYLEIGH - 1.0,
        "rayleigh_deviation": rayleigh.deviation,
        "covered": rayleigh.lower <= RAYLEIGH <= rayleigh.upper,
        "chi_squared": found.chi_squared / found.points,
    }
    for when, told, truth in zip(("end", *(f"after {later:g}" for later in BEYOND)), fields, ends, strict=True):
        away = told["temperature"] - (1.0 - shown.axes["z"])[:, None]
        row[f"temperature {when}"] = _relative(away, truth["temperature"])
        row[f"velocity {when}"] = _relative(np.stack([told["along"], told["across"]]), truth["velocity"])
    return row


def _relative(told: np.ndarray, truth: np.ndarray) -> float:
    return float(np.linalg.norm(told - truth) / np.linalg.norm(truth))


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return medians and worst values of each method, and how often both agree."""
    told: dict[str, Any] = {}
    for name in dict.fromkeys(row["method"] for row in rows):
        mine = [row for row in rows if row["method"] == name]
        errors = np.abs([row["rayleigh_error"] for row in mine])
        scores = np.array([np.log1p(row["rayleigh_error"]) / row["rayleigh_deviation"] for row in mine])
        told[name] = {
            "rayleigh_median": float(np.median(errors)),
            "rayleigh_worst": float(errors.max()),
            "within_3_percent": float((errors <= 0.03).mean()),
            "score_mean": float(scores.mean()),
            "score_root_mean_square": float(np.sqrt((scores**2).mean())),
            "covered": float(np.mean([row["covered"] for row in mine])),
            "field_worst": max(max(row["temperature end"], row["velocity end"]) for row in mine),
            "seconds_median": float(np.median([row["seconds"] for row in mine])),
        }
    agree = [row["agree"] for row in rows if "agree" in row]
    return {"methods": told, "agree": float(np.mean(agree)) if agree else None}
