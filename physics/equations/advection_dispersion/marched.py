"""Curves of columns marched at fixed resolutions, with exact derivatives of what is marched.

The curves of `scaling.concentration`, compiled as a whole. A column with a linear isotherm has five dimensionless
numbers (Pe, Da, the sensor's place, the mobile share, the exchange) and a unit of time: derivatives by velocity,
dispersion and retardation take one march along Pe, and the rest is the chain rule. Wherever torch wants a
derivative of higher order, or on an accelerator, `scaling.concentration` does the work.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from physics.equations.advection_dispersion import marched_kernels as kernels
from physics.equations.advection_dispersion import tape
from physics.equations.advection_dispersion.feed import lines
from physics.equations.advection_dispersion.node_kernels import FIRST, MOMENT, OFF, SCALE, VALUE
from physics.equations.advection_dispersion.response import DIVISOR, Resolution, check
from physics.equations.advection_dispersion.scaling import NEEDED, REGIONS, Scheme, choose_resolution, concentration
from physics.equations.advection_dispersion.system_kernels import DAMKOHLER, EXCHANGE, MOBILE, PECLET, PLACE
from physics.errors import ParameterError
from physics.integrate.lanes import in_parts
from physics.integrate.richardson import LEVELS, weights
from physics.series import Series

NAMES = (
    "length", "velocity", "dispersion", "retardation", "decay", "position", "pulse_duration",
    "mobile_fraction", "exchange",
)  # fmt: skip
_PLAIN = {"retardation": 1.0, "decay": 0.0, "pulse_duration": -1.0, "mobile_fraction": 1.0, "exchange": 0.0}
COARSE = 3e-5
"""The tolerance of coarse curves: little beside what any sensor tells apart."""
_PAYS = 0.4  # of the work of the fine ones
_SHARE = 400_000  # cells times steps that are worth a thread of their own


def marched(parameters: Mapping[str, Tensor], times: Tensor, scheme: Scheme, tolerance: float) -> Marched:
    """Return curves at a resolution that meets the tolerance at these parameters, with coarse ones where they pay."""
    resolution = choose_resolution(parameters, times, scheme, tolerance)
    if tolerance > COARSE / 10:
        return Marched(scheme, resolution)
    coarse = choose_resolution(parameters, times, scheme, COARSE)
    pays = coarse.cells * coarse.steps <= _PAYS * resolution.cells * resolution.steps
    return Marched(scheme, resolution, coarse if pays else None)


class Marched:
    """A differentiable `model(parameters, times)` -> (batch, times), as `physics.calibrate.sensitivity` has it.

    Args:
        scheme: which model; its isotherm is linear.
        resolution: of the finest of the three grids.
        coarse: a resolution at which a fit may begin, in `coarse`; none where that would not pay.
    """

    def __init__(self, scheme: Scheme, resolution: Resolution, coarse: Resolution | None = None) -> None:
        check(resolution, scheme.outlet == "closed")
        self.scheme, self.resolution = scheme, resolution
        self.coarse = None if coarse is None else Marched(scheme, coarse)
        self._closed, self._pulse = scheme.outlet == "closed", scheme.input == "pulse"
        self._first, self._knots, self._bends = 1.0, np.empty(0), np.empty(0)
        if isinstance(scheme.input, Series):
            self._first, self._knots, self._bends = lines(scheme.input)

    def __call__(self, parameters: Mapping[str, Tensor], times: Tensor) -> Tensor:
        """Return C/C0, differentiable once in every parameter and in the times, in both modes.

        Args:
            parameters: SI, of shape (batch,) or (), float64; those that a column has not are not looked at.
            times: seconds, shape (times,).
        """
        if any(value.device.type != "cpu" for value in (times, *parameters.values())):
            return concentration(parameters, times, self.scheme, self.resolution)
        names = self._names(parameters)
        return tape.record(self, names, times, [parameters[name] for name in names])

    def linearise(
        self, parameters: Mapping[str, Tensor], names: Sequence[str], times: Tensor
    ) -> tuple[Tensor, Tensor] | None:
        """Return the curves, shape (batch, times), and their derivatives by `names`, (batch, times, names).

        None where the numbers stand on an accelerator.
        """
        if any(value.device.type != "cpu" for value in (times, *parameters.values())):
            return None
        known = self._names(parameters)
        columns = _columns(known, [parameters[name] for name in known])
        curve, by_name, _ = self._evaluate(columns, known, times, [name for name in names if name in known])
        none = np.zeros_like(curve)
        slopes = np.stack([by_name.get(name, none) for name in names], -1)
        return torch.from_numpy(curve), torch.from_numpy(slopes)

    def values(self, names: Sequence[str], given: Sequence[Tensor], times: Tensor) -> np.ndarray:
        """See `tape.Compiled`."""
        return self._evaluate(_columns(names, given), names, times, None)[0]

    def slopes(
        self, names: Sequence[str], given: Sequence[Tensor], times: Tensor, wanted: Sequence[bool]
    ) -> list[np.ndarray | None]:
        """See `tape.Compiled`."""
        asked = [name for name, want in zip(names, wanted[1:], strict=True) if want]
        _, by_name, moment = self._evaluate(_columns(names, given), names, times, asked)
        return [moment if wanted[0] else None, *(by_name.get(name) if name in asked else None for name in names)]

    def _evaluate(
        self, columns: dict[str, np.ndarray], names: Sequence[str], times: Tensor, asked: Sequence[str] | None
    ) -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray]:
        """Return the curves, their derivatives by the names `asked` for (none if None), and those by the time."""
        placed = "position" in names
        inside = self._closed and placed and bool((columns["position"] != columns["length"]).any())
        stored = "exchange" in names
        if not placed:
            columns["position"] = columns["length"]
        reference = columns["length"] if self._closed else columns["position"]
        numbers = np.stack([
            columns["velocity"] * reference / columns["dispersion"],
            columns["decay"] * reference / columns["velocity"],
            columns["position"] / reference if inside else np.ones_like(reference),
            columns["mobile_fraction"],
            columns["exchange"] * reference / columns["length"],
        ], 1)  # fmt: skip
        scales = columns["retardation"] * reference / columns["velocity"]
        directions = self._directions(asked or (), placed, inside, stored, bool(numbers[:, DAMKOHLER].any()))
        at = np.ascontiguousarray(times.detach().numpy())
        kinds = (
            self.scheme.inlet == "first-type", self._closed, self.scheme.reading == "flux", not inside,
            self.scheme.input == "leach", stored,
        )  # fmt: skip
        answers = self._march(numbers, directions, asked is not None, kinds, scales, at, columns["pulse_duration"])
        curve = answers[..., VALUE].copy()
        if asked is None:
            return curve, {}, curve
        unit, relative = np.empty(len(numbers)), np.empty((len(numbers), len(directions)))
        kernels.units(numbers, directions, stored, unit, relative)
        along = answers[..., FIRST:] + answers[..., SCALE, None] * relative[:, None, :]
        by_number = {int(number): along[..., j] for j, number in enumerate(directions)}
        by_name = self._chain(columns, reference, numbers, by_number, answers[..., SCALE], asked, placed, inside)
        whole = (scales * unit)[:, None]
        if "pulse_duration" in asked:
            by_name["pulse_duration"] = answers[..., OFF] / whole
        return curve, by_name, answers[..., MOMENT] / whole

    def _directions(self, asked: Sequence[str], placed: bool, inside: bool, stored: bool, decaying: bool) -> np.ndarray:
        """Return along which of the numbers derivatives are needed."""
        longer = {"length"} if self._closed or not placed else {"position"}
        by = {
            PECLET: {"velocity", "dispersion", *longer},
            DAMKOHLER: {"decay", *({"velocity", *longer} if decaying else ())},
            PLACE: {"length", "position"} if inside else set(),
            MOBILE: {"mobile_fraction"} if stored else set(),
            EXCHANGE: ({"exchange"} | (set() if self._closed or not placed else {"length", "position"}))
            if stored
            else set(),
        }
        return np.array([number for number, names in by.items() if not names.isdisjoint(asked)], dtype=np.int64)

    def _march(
        self,
        numbers: np.ndarray,
        directions: np.ndarray,
        derive: bool,
        kinds: tuple[bool, ...],
        scales: np.ndarray,
        at: np.ndarray,
        off: np.ndarray,
    ) -> np.ndarray:
        """Return the extrapolated answers, shape (batch, times, columns) as in `node_kernels`."""
        batch, columns = len(numbers), FIRST + len(directions) if derive else 1
        answers = np.zeros((len(LEVELS), batch, len(at), columns))
        factors, off = weights(LEVELS), off if self._pulse else np.full(batch, -1.0)
        sizes = [tuple(count * level // DIVISOR for count in self.resolution) for level in LEVELS]
        work = np.repeat([(cells + tail) * steps for cells, steps, tail in sizes], batch).cumsum()
        parts = int(min(os.cpu_count() or 1, len(work), max(1, work[-1] // _SHARE)))
        edges = [0, *(int(np.searchsorted(work, work[-1] * part / parts)) + 1 for part in range(1, parts)), len(work)]

        def run(part: int) -> None:
            for k in range(len(LEVELS)):
                begin, end = max(edges[part] - k * batch, 0), min(edges[part + 1] - k * batch, batch)
                if begin < end:
                    kernels.curves(
                        numbers, directions, derive, kinds, sizes[k], scales, at, self._first, off, self._knots,
                        self._bends, factors[k], begin, end, answers[k],
                    )  # fmt: skip

        in_parts(parts, run)
        return answers.sum(0)

    def _chain(
        self,
        columns: Mapping[str, np.ndarray],
        reference: np.ndarray,
        numbers: np.ndarray,
        by: Mapping[int, np.ndarray],
        by_scale: np.ndarray,
        asked: Sequence[str],
        placed: bool,
        inside: bool,
    ) -> dict[str, np.ndarray]:
        """Return the derivatives by each name that is asked for, (batch, times)."""
        none = np.zeros_like(by_scale)
        peclet, damkohler, place, mobile, exchange = (by.get(k, none) for k in range(5))
        in_log = [numbers[:, k, None] * slope for k, slope in enumerate((peclet, damkohler, place, mobile, exchange))]
        value = {name: column[:, None] for name, column in columns.items()}
        longer = (in_log[PECLET] + in_log[DAMKOHLER] + in_log[EXCHANGE] + by_scale) / reference[:, None]
        found = {
            "velocity": (in_log[PECLET] - in_log[DAMKOHLER] - by_scale) / value["velocity"],
            "dispersion": -in_log[PECLET] / value["dispersion"],
            "retardation": by_scale / value["retardation"],
            "decay": damkohler * reference[:, None] / value["velocity"],
            "length": -in_log[EXCHANGE] / value["length"],
            "position": none,
            "mobile_fraction": mobile,
            "exchange": exchange * reference[:, None] / value["length"],
        }
        found["length" if self._closed or not placed else "position"] = longer + (
            found["length"] if self._closed or not placed else 0.0
        )
        if inside:
            found["length"] = found["length"] - in_log[PLACE] / value["length"]
            found["position"] = place / value["length"]
        return {name: found[name] for name in asked if name in found}

    def _names(self, parameters: Mapping[str, Tensor]) -> tuple[str, ...]:
        regions = REGIONS if any(name in parameters for name in REGIONS) else ()
        for name in (*NEEDED, *(("pulse_duration",) if self._pulse else ()), *regions):
            if name not in parameters:
                raise ParameterError(f"column: {name} is missing; give it a value")
        return tuple(name for name in NAMES if name in parameters)


def _columns(names: Sequence[str], given: Sequence[Tensor]) -> dict[str, np.ndarray]:
    """Return every quantity as an array of shape (batch,)."""
    rows = {name: value.detach().numpy() for name, value in zip(names, given, strict=True)}
    batch = max((value.size for value in rows.values() if value.ndim), default=1)
    for value in rows.values():
        if value.ndim and value.size not in (1, batch):
            sizes = ", ".join(f"{name} {row.shape}" for name, row in rows.items() if row.ndim)
            raise ParameterError(f"column: the batches differ in size: {sizes}")
    whole = {name: np.broadcast_to(value, (batch,)).astype(np.float64) for name, value in rows.items()}
    return {name: np.full(batch, value) for name, value in _PLAIN.items()} | whole
