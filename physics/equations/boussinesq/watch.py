"""Tells when convecting layers have settled, from the fluxes at both plates.

A member has settled when what its fluxes still change, extrapolated from the ranges of two successive windows as a
geometric series, is below a bound, and both plates agree.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

WINDOW = 6  # chunks whose range is compared with that of the window before


class Watch:
    """Tells when members have settled, from the fluxes at both plates after every chunk."""

    def __init__(self, batch: int, settled: float, left: np.ndarray) -> None:
        self.bound, self.left = settled, left
        self.rests = np.zeros(batch, dtype=bool)
        self.times: list[float] = []
        self.fluxes: list[np.ndarray] = []  # (2, batch) each
        self.shrink = np.full(batch, np.nan)

    def look(self, now: float, fluxes: np.ndarray, sound: np.ndarray) -> None:
        """Take note of the fluxes (2, batch) at `now`."""
        self.times.append(now)
        self.fluxes.append(fluxes.copy())
        if len(self.times) < 2 * WINDOW + 1:
            return
        tail = np.stack(self.fluxes[-2 * WINDOW - 1 :])
        late, early = np.ptp(tail[WINDOW:], axis=0).max(0), np.ptp(tail[: WINDOW + 1], axis=0).max(0)
        level = np.abs(fluxes).max(0)
        tiny = 1e-11 * level
        ratio = np.where(early > tiny, late / np.maximum(early, tiny), 0.0)
        self.shrink = np.where(self.rests, self.shrink, ratio)
        still = np.where(ratio < 0.9, late * ratio / (1.0 - np.minimum(ratio, 0.9)), np.inf)
        away = np.abs(fluxes - 1.0).max(0) > self.left
        apart = np.abs(fluxes[0] - fluxes[1])
        calm = (still < self.bound * level) & (late < 100 * self.bound * level) & (apart < 10 * self.bound * level)
        self.rests |= sound & away & (calm | (late < tiny))

    def means(self, last: Tensor) -> tuple[Tensor, Tensor]:
        """Return means and standard deviations over the last windows, shape (3, batch)."""
        rests = torch.from_numpy(self.rests)
        if len(self.times) < 2 * WINDOW:
            return last, torch.zeros_like(last)
        half = torch.from_numpy(np.stack(self.fluxes[len(self.fluxes) // 2 :]))  # of a run that goes on swinging
        few = torch.from_numpy(np.stack(self.fluxes[-WINDOW:]))
        spread = torch.where(rests, few.std(0), half.std(0))
        mean = torch.where(rests, last[:2], half.mean(0))
        volume = torch.where(rests, last[2], mean.mean(0))
        return torch.cat([mean, volume[None]]), torch.cat([spread, spread.mean(0, keepdim=True)])

    def settling_times(self) -> Tensor:
        """Return when Nu - 1 at the bottom came within 1 % of its last value (0.001 at least) for good."""
        if not self.times:
            return torch.full((len(self.rests),), torch.nan, dtype=torch.float64)
        times, bottom = np.array([0.0, *self.times]), np.stack([self.fluxes[0][0], *(f[0] for f in self.fluxes)])
        off = np.abs(bottom - bottom[-1]) / np.maximum(np.abs(bottom[-1] - 1.0), 0.1)
        found = np.zeros(len(self.rests))
        for b in range(len(found)):
            beyond = np.flatnonzero(off[:, b] > 0.01)
            if len(beyond):
                i = beyond[-1]
                share = (off[i, b] - 0.01) / max(off[i, b] - off[i + 1, b], 1e-30)
                found[b] = times[i] + share * (times[i + 1] - times[i])
        return torch.from_numpy(np.where(self.rests, found, np.nan))

    def relaxation(self) -> Tensor:
        """Return the rate at which the ranges of the windows shrank at the end, negative where they did."""
        if len(self.times) < 2 * WINDOW + 1:
            return torch.zeros(len(self.rests), dtype=torch.float64)
        span = self.times[-1] - self.times[-1 - WINDOW]
        return torch.from_numpy(np.log(np.clip(np.nan_to_num(self.shrink, nan=1.0), 1e-12, 1e12)) / span)
