"""Curves of a column from the closed form `exact`, with exact derivatives, where there is one.

Linear sorption, one region and a feed in steps: the response to a step S(t), of a pulse that ends at t_e
S(t) - S(t - t_e), of a column that is leached exp(-mu t / R) (1 - S(t)) with S that of no decay. Rounding is the only
error (about 1e-13 of the feed), whatever the Peclet number, and a curve of 35 points takes some two microseconds;
a fit calls for nothing else. Every other column is marched.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from physics.equations.advection_dispersion import analytic_descent as descent
from physics.equations.advection_dispersion import analytic_kernels as kernels
from physics.equations.advection_dispersion import tape
from physics.equations.advection_dispersion.scaling import NEEDED, REGIONS, Scheme
from physics.errors import ParameterError
from physics.integrate.lanes import in_parts
from physics.series import Series

_SHARE = 1000  # points that are worth a thread of their own
_PLAIN = (1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0)  # what stands where nothing is given, in the order of the names
_COLUMN = {name: j for j, name in enumerate(kernels.NAMES)}

Marched = Callable[[dict[str, Tensor], Tensor], Tensor]


def has_closed_form(scheme: Scheme, names: Sequence[str]) -> bool:
    """Return whether columns with these parameters have a closed form."""
    linear = scheme.isotherm == "linear" and not isinstance(scheme.input, Series)
    return linear and not any(name in names for name in REGIONS)


class Curves:
    """A differentiable `model(parameters, times)` -> (batch, times), as `physics.calibrate.sensitivity` has it.

    Args:
        scheme: which model.
        marched: the curves of a call that brings parameters for which there is no closed form.
    """

    def __init__(self, scheme: Scheme, marched: Marched) -> None:
        self.scheme, self.marched = scheme, marched
        self._plain, self._closed = has_closed_form(scheme, ()), scheme.outlet == "closed"
        self._kinds = scheme.inlet == "first-type", self._closed, scheme.reading == "flux"
        self._feed = scheme.input == "pulse", scheme.input == "leach"
        self._needed = (*NEEDED, "pulse_duration") if scheme.input == "pulse" else NEEDED

    def __call__(self, parameters: Mapping[str, Tensor], times: Tensor) -> Tensor:
        """Return C/C0, differentiable once in every parameter and in the times, in both modes.

        Args:
            parameters: SI, of shape (batch,) or (), float64; those that a column has not are not looked at.
            times: seconds, shape (times,).
        """
        if not self._known(parameters, times):
            return self.marched(dict(parameters), times)
        names = self._names(parameters)
        return tape.record(self, names, times, [parameters[name] for name in names])

    def linearise(
        self, parameters: Mapping[str, Tensor], names: Sequence[str], times: Tensor
    ) -> tuple[Tensor, Tensor] | None:
        """Return the curves, shape (batch, times), and their derivatives by `names`, (batch, times, names).

        None where there is no closed form, or the numbers stand on an accelerator.
        """
        if not self._known(parameters, times):
            return None
        known = self._names(parameters)
        values, slopes = self.evaluate(known, [parameters[name] for name in known], times, True, "decay" in names)
        if not set(names) <= set(known):
            slopes = np.concatenate([slopes, np.zeros_like(slopes[..., :1])], -1)  # the last: of no influence
        wanted = slopes[..., [_COLUMN[name] if name in known else -1 for name in names]]
        return torch.from_numpy(values), torch.from_numpy(wanted)

    def values(self, names: Sequence[str], given: Sequence[Tensor], times: Tensor) -> np.ndarray:
        """See `tape.Compiled`."""
        return self.evaluate(names, given, times, False)[0]

    def slopes(
        self, names: Sequence[str], given: Sequence[Tensor], times: Tensor, wanted: Sequence[bool]
    ) -> list[np.ndarray | None]:
        """See `tape.Compiled`."""
        _, slopes = self.evaluate(
            names,
            given,
            times,
            True,
            any(want and name == "decay" for name, want in zip(names, wanted[1:], strict=True)),
        )
        columns = [kernels.MOMENT, *(_COLUMN[name] for name in names)]
        return [slopes[..., column] if want else None for column, want in zip(columns, wanted, strict=True)]

    def evaluate(
        self, names: Sequence[str], given: Sequence[Tensor], times: Tensor, derive: bool, decaying: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the curves and their derivatives by `kernels.NAMES` and the time, (batch, times, 8).

        Without `decaying` the one by a decay of zero is left out.
        """
        rows = [value.detach().numpy() for value in given]
        columns = self._columns(names, rows, max((value.size for value in rows if value.ndim), default=1))
        placed = "position" in names
        inside = placed and self._closed and bool((columns[:, kernels.POSITION] != columns[:, kernels.LENGTH]).any())
        batch = len(columns)
        at = np.ascontiguousarray(times.detach().numpy())
        values, slopes = np.empty((batch, len(at))), np.empty((batch, len(at), 8 if derive else 0))
        parts = 1 if values.size < 2 * _SHARE else min(batch, os.cpu_count() or 1, values.size // _SHARE)

        def work(part: int) -> None:
            edges = batch * part // parts, batch * (part + 1) // parts
            kernels.curves(columns, at, *self._kinds, inside, *self._feed, derive, decaying, *edges, values, slopes)

        in_parts(parts, work)
        if derive and not placed and not self._closed:
            slopes[..., kernels.LENGTH] = slopes[..., kernels.POSITION]
        return values, slopes

    def descend(
        self,
        fixed: Mapping[str, Tensor],
        names: Sequence[str],
        times: Tensor,
        values: np.ndarray,
        weights: np.ndarray,
        start: np.ndarray,
        box: tuple[np.ndarray, np.ndarray, np.ndarray],
        iterations: int,
        tolerance: float,
    ) -> tuple[np.ndarray, ...] | None:
        """Minimise the sums of squares over u; None where there is no closed form for these parameters.

        Args:
            fixed: parameters that stay, shape (batch,); `names` are those of u.
            times: seconds, shape (n,).
            values, weights: shape (batch, n).
            start: u, shape (batch, P), within the box.
            box: which u are logarithms, their lower and their upper bounds, each of shape (P,).
            iterations, tolerance: as in `levenberg.descend`.

        Returns:
            u, curve (batch, n), its derivatives in u (batch, n, P), sums of squares, whether converged, whether
            stalled, and steps, (batch,).
        """
        free = dict.fromkeys(names, times)  # what stands for them does not matter, only where it stands
        if not self._known({**fixed, **free}, times):
            return None
        known = self._names({**fixed, **free})
        held = [name for name in known if name not in free]
        (batch, size), n, placed = start.shape, times.shape[0], "position" in known
        columns = self._columns(held, [fixed[name].detach().numpy() for name in held], batch)
        inside = (
            placed
            and self._closed
            and (
                not {"position", "length"} <= set(held)
                or bool((columns[:, kernels.POSITION] != columns[:, kernels.LENGTH]).any())
            )
        )
        places = np.array([_COLUMN[name] if name in known else descent.ALONG for name in names])
        at, u = np.ascontiguousarray(times.detach().numpy()), start.copy()
        curve, jacobian, sse = np.empty((batch, n)), np.empty((batch, n, size)), np.empty(batch)
        converged, stalled = np.empty(batch, dtype=bool), np.empty(batch, dtype=bool)
        counts = np.empty(batch, dtype=np.int64)
        parts = 1 if curve.size < 2 * _SHARE else min(batch, os.cpu_count() or 1, curve.size // _SHARE)

        def work(part: int) -> None:
            edges = batch * part // parts, batch * (part + 1) // parts
            descent.descend(
                u, places, *box, columns, at, values, weights, *self._kinds, inside, placed, *self._feed,
                "decay" in names, iterations, tolerance, *edges, curve, jacobian, sse, converged, stalled, counts,
            )  # fmt: skip

        in_parts(parts, work)
        return u, curve, jacobian, sse, converged, stalled, counts

    def _columns(self, names: Sequence[str], rows: Sequence[np.ndarray], batch: int) -> np.ndarray:
        """Return the numbers in the order of `kernels.NAMES`, shape (batch, 7); the sensor at the end if not placed."""
        columns = np.empty((batch, len(kernels.NAMES)))
        columns[:] = _PLAIN
        for name, value in zip(names, rows, strict=True):
            if value.ndim and value.size not in (1, batch):
                sizes = ", ".join(f"{name} {row.shape}" for name, row in zip(names, rows, strict=True) if row.ndim)
                raise ParameterError(f"column: the batches differ in size: {sizes}")
            columns[:, _COLUMN[name]] = value
        if "position" not in names:
            columns[:, kernels.POSITION] = columns[:, kernels.LENGTH]
        return columns

    def _known(self, parameters: Mapping[str, Tensor], times: Tensor) -> bool:
        if not self._plain or not parameters.keys().isdisjoint(REGIONS):
            return False
        return not (any(value.device.type != "cpu" for value in (times, *parameters.values())))

    def _names(self, parameters: Mapping[str, Tensor]) -> tuple[str, ...]:
        for name in self._needed:
            if name not in parameters:
                raise ParameterError(f"column: {name} is missing; give it a value")
        return tuple(name for name in kernels.NAMES if name in parameters)
