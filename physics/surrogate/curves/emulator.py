"""One target learned: a reduced basis, a regressor for its coefficients, and how wide a band must be.

    |truth(u) - prediction(u)| <= radius(level, group) s(x) w(u)   at every u at once, with probability `level`

w(u) is the root mean square of the residuals of runs that were not trained on, s(x) what `local` expects of them at
x, relative to w, and the radius that of `conformal` for the largest |error| / (s w) over the curve.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from physics.surrogate.conformal import Conformal
from physics.surrogate.curves import gaussian, local, network
from physics.surrogate.curves.basis import Basis, reduce
from physics.surrogate.curves.gaussian import Gaussian
from physics.surrogate.curves.local import Local
from physics.surrogate.curves.network import NAMES, Network

KINDS = ("gaussian", "network")
HELD = 0.15  # of the runs: what a network's residuals are read from
LEAST = 0.03  # of the largest residual along a curve: no place is known better
ROOM = 1.05  # on the largest distance to a known run that was seen


@dataclass(frozen=True)
class Emulator:
    """A trained target.

    Attributes:
        kind: of `KINDS`.
        basis, regressor: what predicts.
        profile: w, shape (nodes,).
        near: what tells s and the distance to the nearest known run; `most` is the largest that was seen.
        conformal: the calibration; None before it.
    """

    kind: str
    basis: Basis
    regressor: Gaussian | Network
    profile: Tensor
    near: Local
    most: float
    conformal: Conformal | None = None

    def predict(self, inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the curves (batch, nodes), s (batch,) and the distance to a known run (batch,)."""
        expected, apart = self.near.look(inputs)
        return self.basis.curves(self.regressor.predict(inputs)), expected, apart

    def scores(self, inputs: Tensor, curves: Tensor) -> Tensor:
        """Return the largest |error| / (s w) of each run's curve (runs, nodes), shape (runs,)."""
        found, expected, _ = self.predict(inputs)
        return ((found - curves).abs() / self.profile).amax(1) / expected

    def calibrated(self, inputs: Tensor, curves: Tensor, groups: Tensor) -> Emulator:
        """Return the emulator with the scores and the distances of calibration runs."""
        most = ROOM * float(self.near.look(inputs)[1].amax())
        found = Conformal.of(self.scores(inputs, curves), groups)
        return Emulator(self.kind, self.basis, self.regressor, self.profile, self.near, most, found)

    def tensors(self) -> dict[str, Tensor]:
        """Return what has to be kept."""
        kept = {"mean": self.basis.mean, "modes": self.basis.modes, "profile": self.profile}
        kept |= {**self.regressor.tensors(), **self.near.tensors(), "most": torch.tensor(self.most)}
        if self.conformal is not None:
            kept |= {"scores": self.conformal.scores, "groups": self.conformal.groups}
        return kept


def train(kind: str, inputs: Tensor, curves: Tensor, seed: int = 0) -> Emulator:
    """Return an emulator of curves (runs, nodes) over inputs (runs, inputs) from -1 to 1, not yet calibrated."""
    basis = reduce(curves)
    wanted = basis.coefficients(curves)
    if kind == "gaussian":
        process, left = gaussian.train(inputs, wanted)
        regressor: Gaussian | Network = process
        residuals = left @ basis.modes + (curves - basis.curves(wanted))
        known = inputs
    else:
        held = max(1, round(HELD * len(inputs)))
        order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(seed))
        known, rest = inputs[order[:held]], order[held:]
        regressor = network.train(inputs[rest], wanted[rest], seed)
        residuals = basis.curves(regressor.predict(known)) - curves[order[:held]]
    profile = residuals.square().mean(0).sqrt()
    profile = profile.clamp_min(LEAST * float(profile.amax())).clamp_min(1e-12)
    near = local.learn(known, (residuals.abs() / profile).amax(1))
    return Emulator(kind, basis, regressor, profile, near, 0.0)


def restore(kind: str, kept: Mapping[str, Tensor]) -> Emulator:
    """Return the emulator whose `tensors` are given.

    Raises:
        KeyError: one of them is missing.
    """
    if kind == "gaussian":
        regressor: Gaussian | Network = Gaussian(kept["points"], kept["lengths"], kept["weights"])
    else:
        regressor = Network(tuple(kept[name] for name in NAMES))
    near = Local(kept["local_points"], kept["local_weights"], kept["local_mean"])
    conformal = Conformal(kept["scores"], kept["groups"].long())
    basis = Basis(kept["mean"], kept["modes"])
    return Emulator(kind, basis, regressor, kept["profile"], near, float(kept["most"]), conformal)
