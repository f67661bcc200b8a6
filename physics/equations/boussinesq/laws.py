"""What every output of a convection cell must keep, read from settings and outputs alone.

The discrete identities of `physics.equations.boussinesq.layer` hold for the outputs of the solver to round-off: the
heat balance, the mean and the plate fluxes of the temperature field, the divergence of the velocity at the corners of
cells (each component is the mean of two faces, so the box scheme over four centres sees the fluxes themselves). In a
settled run the three Nusselt numbers and <|grad T|^2> are one number, and viscosity takes out what buoyancy puts in.
"""

from __future__ import annotations

import torch
from torch import Tensor

from physics.equations.boussinesq.numbers import case_of, numbers
from physics.validate.bounds import bounded
from physics.validate.conservation import accumulates, closes
from physics.validate.divergence import solenoidal
from physics.validate.law import Kind, Law, Sample, worst
from physics.validate.symmetry import asymmetry

_EXACT = 1e-8
_FIELD = ("temperature",)
_SHARE, _TIMES = 0.05, 40


def _heights(z: Tensor) -> Tensor:
    """Return the heights of the rows, in depths, from their middles."""
    faces = [torch.zeros((), dtype=z.dtype)]
    for middle in z:
        faces.append(2.0 * middle - faces[-1])
    heights = torch.stack(faces).diff()
    return heights / heights.sum()


def _moments(sample: Sample) -> Tensor:
    """How far the field's mean and plate fluxes are from the curves at the same times, over the conducted flux."""
    field = sample.outputs["temperature"]
    T, heights = field.values, _heights(field.coordinates["z"])
    curve = sample.outputs["heat_stored"].time
    if curve is None or field.time is None:
        return torch.zeros(len(T), dtype=T.dtype)
    at = torch.stack([(curve - time).abs().argmin() for time in field.time])
    rows = T.mean(2)
    found = {
        "heat_stored": (rows * heights).sum(-1) - 0.5,
        "flux_bottom": (1.0 - rows[..., 0]) / (0.5 * heights[0]),
        "flux_top": rows[..., -1] / (0.5 * heights[-1]),
    }
    return torch.stack([worst((sample.values(name)[:, at] - value).abs()) for name, value in found.items()]).amax(0)


def _divergence(sample: Sample) -> tuple[Tensor, float | Tensor]:
    """The divergence over boxes between four centres, and the width of a column."""
    field = sample.outputs["velocity"]
    v, x, z = field.values, field.coordinates["x"], field.coordinates["z"]
    h = float(x[1] - x[0])
    heights = _heights(z) * float(z[-1] + z[0])  # the first row is as high as the last
    u, w = v[..., 0], v[..., 1]
    below, above = heights[:-1], heights[1:]
    u_mean = (below * u[..., :-1] + above * u[..., 1:]) / (below + above)
    w_mean = 0.5 * (w + w.roll(-1, -2))
    divergence = (u_mean.roll(-1, -2) - u_mean) / h + w_mean.diff(dim=-1) / (0.5 * (below + above))
    if sample.settings["sides"] != "periodic":
        divergence = divergence[..., :-1, :]
    return divergence, h


def _image(sample: Sample) -> tuple[Tensor, Tensor] | None:
    """The temperature under a symmetry of the settings, None where they have none that the grid shows.

    Periodic rolls are mirrored about their warmest line. Between walls an odd number of rolls is turned by half, an
    even number mirrored; a half turn also changes warm for cold, and asks for equal plates.
    """
    case, _ = case_of(sample.settings)
    T = sample.values("temperature")
    equal = case.shape.rigid[0] == case.shape.rigid[1]
    if case.shape.periodic or (not case.shape.from_side and case.flow.rolls % 2 == 0):
        return T, T.flip(2)
    return (T, 1.0 - T.flip(2, 3)) if equal else None


def _shifted(sample: Sample) -> tuple[Tensor, Tensor] | None:
    """Periodic rolls between equal plates: half a wavelength on, warm and cold and up and down change places."""
    case, _ = case_of(sample.settings)
    T = sample.values("temperature")
    parts = 2 * case.flow.rolls
    if not case.shape.periodic or case.shape.rigid[0] != case.shape.rigid[1] or T.shape[2] % parts:
        return None
    return T, 1.0 - T.roll(T.shape[2] // parts, 2).flip(3)


def _symmetry(name: str, pair, meaning: str) -> Law:  # type: ignore[no-untyped-def]
    def departure(sample: Sample) -> Tensor | None:
        found = pair(sample)
        return None if found is None else asymmetry(*found)

    return Law(name, Kind.SYMMETRY, "", meaning, departure, lambda _: 1e-4, _FIELD)


def _numbers_apart(sample: Sample) -> Tensor:
    names = ("nusselt_bottom", "nusselt_top", "nusselt_volume", "thermal_dissipation")
    found = torch.stack([sample.values(name) for name in names])
    return (found.amax(0) - found.amin(0)) / found.abs().amax(0).clamp_min(1e-300)


def _work_apart(sample: Sample) -> Tensor:
    taken, done = sample.values("viscous_dissipation"), sample.values("buoyancy_work")
    least = 0.01 * numbers(sample.settings).rayleigh.detach()  # what a Nusselt number of 1.01 would do
    return (taken - done).abs() / torch.maximum(torch.maximum(taken.abs(), done.abs()), least)


def _lift_apart(sample: Sample) -> Tensor | None:
    """Heated from below, buoyancy does the work Ra (Nu - 1)."""
    if sample.settings["heating"] == "side":
        return None
    rayleigh = numbers(sample.settings).rayleigh.detach()
    done, lifted = sample.values("buoyancy_work"), rayleigh * (sample.values("nusselt_volume") - 1.0)
    return (done - lifted).abs() / torch.maximum(done.abs(), rayleigh)


def _curve_apart(sample: Sample) -> Tensor:
    """The flux of the grid against the extrapolated one at the last time, over it."""
    nusselt, grid = sample.values("nusselt")[:, -1], sample.values("flux_bottom")[:, -1]
    return (nusselt - grid).abs() / grid.abs().clamp_min(1e-300)


def _kinks(sample: Sample) -> Tensor | None:
    """How far what the extrapolation adds bends where the grid's flux does not, over the span of that.

    Both are one smooth flow seen on different grids, so the difference bends by a small share (`_SHARE`) of what the
    flux does within a point on either side. Nothing is said of few or uneven times.
    """
    time = sample.outputs["nusselt"].time
    if time is None or len(time) < _TIMES or bool((time.diff() - time.diff().mean()).abs().max() > 1e-6 * time.max()):
        return None
    grid = sample.values("flux_bottom")
    bend, own = (_bends(values).abs() for values in (sample.values("nusselt") - grid, grid))
    near = torch.nn.functional.max_pool1d(own[:, None], 3, 1, padding=1)[:, 0]
    span = (grid.amax(1) - grid.amin(1)).clamp_min(1e-3)
    return (bend - _SHARE * near).clamp_min(0.0).amax(1) / span


def _bends(values: Tensor) -> Tensor:
    return values[:, 1:-1] - 0.5 * (values[:, :-2] + values[:, 2:])


def _last_apart(sample: Sample) -> Tensor | None:
    """A settled run ends at its Nusselt number."""
    time = sample.outputs["nusselt"].time
    if time is None:
        return None
    nusselt, last = sample.values("nusselt_bottom"), sample.values("nusselt")[:, -1]
    early = sample.values("settling_time") * 2.0 > time[-1]
    return torch.where(early, torch.zeros_like(last), (nusselt - last).abs() / nusselt.abs().clamp_min(1e-300))


_NUMBERS = ("nusselt_bottom", "nusselt_top", "nusselt_volume", "thermal_dissipation")

LAWS = (
    closes("heat balance", ["heat_in"], ["heat_out", "heat_stored"], limit=_EXACT),
    accumulates(
        "heat_in", lambda s: _per_clock(s, "flux_bottom"), ("flux_bottom",), room=3.0, name="heat in is the flux"
    ),
    accumulates("heat_out", lambda s: _per_clock(s, "flux_top"), ("flux_top",), room=3.0, name="heat out is the flux"),
    Law(
        "field and plates agree", Kind.CONSERVATION, "",
        "mean and plate fluxes of the temperature against the heat stored and the fluxes", _moments,
        lambda _: _EXACT, ("temperature", "heat_stored", "flux_bottom", "flux_top"),
    ),
    Law(
        "Nusselt numbers agree", Kind.CONSERVATION, "",
        "difference of the fluxes at bottom, top and in the volume and of <|grad T|^2>, relative", _numbers_apart,
        lambda _: 2e-4, _NUMBERS,
    ),
    Law(
        "dissipation is the work", Kind.CONSERVATION, "", "<|grad u|^2> against Ra <T e.u>, relative", _work_apart,
        lambda _: 1e-3, ("viscous_dissipation", "buoyancy_work"),
    ),
    Law(
        "work is the lifted heat", Kind.CONSERVATION, "", "Ra <T w> against Ra (Nu - 1), relative", _lift_apart,
        lambda _: 1e-3, ("buoyancy_work", "nusselt_volume"),
    ),
    Law(
        "curve and grid agree", Kind.CONSERVATION, "", "last flux, extrapolated against that of the grid, relative",
        _curve_apart, lambda _: 0.01, ("nusselt", "flux_bottom"),
    ),
    Law(
        "the curve has no kinks", Kind.MONOTONICITY, "", "bends of the flux that the grid's lacks, over its span",
        _kinks, lambda _: 1e-3, ("nusselt", "flux_bottom"),
    ),
    Law(
        "the curve ends at its mean", Kind.CONSERVATION, "", "last flux against the Nusselt number, relative",
        _last_apart, lambda _: 0.01, ("nusselt", "nusselt_bottom", "settling_time"),
    ),
    solenoidal("velocity", _divergence, limit=_EXACT),
    _symmetry("rolls are mirrored", _image, "how far the temperature is from its mirror image, over its span"),
    _symmetry("rolls alternate", _shifted, "how far warm rolls are from cold ones half a wavelength on, over the span"),
    bounded("temperature", 0.0, 1.0, slack=0.01, name="temperature between the plates'"),
    bounded("nusselt_bottom", 1.0, None, slack=lambda s: max(s.tolerance, 1e-3), name="convection adds to conduction"),
    bounded("heat_in", 0.0, None, slack=_EXACT, name="heat enters at the bottom"),
    bounded("heat_out", 0.0, None, slack=_EXACT, name="heat leaves at the top"),
)  # fmt: skip


def _per_clock(sample: Sample, name: str) -> Tensor:
    """A flux counts per diffusion time; return it per unit of the output times."""
    return sample.values(name) / numbers(sample.settings).clock.detach()[:, None]
