"""Put what a Gray-Scott run found into outputs, balances, a status and a sentence."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from physics.equations.gray_scott.march import March
from physics.equations.gray_scott.pattern import CLASSES, classify, wavelength
from physics.equations.gray_scott.run import RICHARDSON, Run, settling
from physics.equations.gray_scott.start import richness
from physics.solution import Balance, Cost, Output, Solution, Status

BALANCE_TOLERANCE = 1e-12
COARSE = 1e-3  # share of B's variance in the last third of wavenumbers, above which the grid is named as coarse
_CURVES = {"mean_b": "means 1", "mean_a": "means 0", "fed": "sums 0", "reacted": "sums 1", "drained": "sums 2"}


def solution_of(
    run: Run, values: Mapping[str, Tensor], times: Tensor, place: Tensor, frames: Tensor, tolerance: float, cells: int
) -> Solution:
    """Return the solution of a run through the rising `times`, the first of them zero.

    Args:
        place: where in `times` each time that was asked for stands, shape (n,).
        values: the numeric settings, each of shape (batch,).
        frames: which of `times` have fields, shape (times,), bool.
    """
    finest = run.finest
    at = times[place]
    outputs = {
        name: Output(name, "", curve[:, place], at, _to(error, place), time_unit="")
        for name, (curve, error) in _curves(run).items()
    }
    outputs["change"] = Output("change", "", finest.change[:, place], at, time_unit="", length_unit="")
    outputs |= _fields(run, values, times[frames], cells)
    outputs |= _numbers(run, values, times)
    status, message = _status(run, values, times, tolerance, outputs)
    return Solution(
        outputs=outputs,
        balances=_balances(finest),
        status=status,
        message=message,
        cost=Cost(cells**2, finest.steps, 0.0, run.levels),
        tolerance=tolerance,
        extra={
            "richness": richness(values["feed"], values["kill"]),
            "tail": finest.tail[:, -1],
            "settled": settling(finest, times)[1].to(times.dtype),
            "step": torch.tensor(run.step, dtype=times.dtype),
        },
    )


def _to(error: Tensor | None, place: Tensor) -> Tensor | None:
    return None if error is None else error[:, place]


def _curves(run: Run) -> dict[str, tuple[Tensor, Tensor | None]]:
    found = {}
    for name, where in _CURVES.items():
        part, index = where.split()
        fine = getattr(run.finest, part)[..., int(index)]
        error = None
        if run.coarser is not None:
            error = (fine - getattr(run.coarser, part)[..., int(index)]).abs() / RICHARDSON
        found[name] = (fine, error)
    return found


def _fields(run: Run, values: Mapping[str, Tensor], times: Tensor, cells: int) -> dict[str, Output]:
    """Return A and B; the points are those of the first member where sizes differ."""
    points = torch.arange(cells, dtype=times.dtype, device=times.device) / cells * values["size"].detach()[0]
    found = {}
    for index, name in enumerate(("a", "b")):
        fine = run.finest.fields[:, :, index]
        error = None if run.coarser is None else (fine - run.coarser.fields[:, :, index]).abs() / RICHARDSON
        grid = {"x": points, "y": points}
        found[name] = Output(name, "", fine, times, error, grid, time_unit="", length_unit="")
    return found


def _numbers(run: Run, values: Mapping[str, Tensor], times: Tensor) -> dict[str, Output]:
    last = run.finest.fields[:, -1, 1]
    sound = torch.isfinite(last).flatten(1).all(1)
    safe = torch.where(sound[:, None, None], last, 0.0)
    length = torch.where(sound, wavelength(safe, values["size"]), torch.nan)
    turnovers = times[-1] * (values["feed"] + values["kill"])
    names = classify(safe, run.finest.change[:, -1], turnovers).to(times.device, times.dtype)
    names = torch.where(sound, names, torch.nan)
    settled, _ = settling(run.finest, times)
    return {
        "wavelength": Output("wavelength", "", length, length_unit=""),
        "pattern": Output("pattern", "", names, labels=CLASSES),
        "settling_time": Output("settling_time", "", torch.where(sound, settled, torch.nan), time_unit=""),
    }


def _balances(march: March) -> list[Balance]:
    """Close the books at the last time: what was there and came, went and is there."""
    first, last = march.means[:, 0], march.means[:, -1]
    fed, reacted, drained = march.sums[:, -1].unbind(1)
    a = {"in": fed, "initial": first[:, 0], "stored": last[:, 0], "reacted": reacted}
    b = {"in": reacted, "initial": first[:, 1], "stored": last[:, 1], "drained": drained}
    return [
        Balance(name, terms, terms["in"] + terms["initial"] - terms["stored"] - out, scale, BALANCE_TOLERANCE, "")
        for name, terms, out, scale in (
            ("A", a, reacted, fed.abs() + first[:, 0]),
            ("B", b, drained, reacted.abs() + first[:, 1]),
        )
    ]


def _status(
    run: Run, values: Mapping[str, Tensor], times: Tensor, tolerance: float, outputs: Mapping[str, Output]
) -> tuple[Status, str]:
    sound = torch.isfinite(run.finest.means).all(-1) & torch.isfinite(run.finest.sums).all(-1)
    batch = len(sound)
    if not bool(sound.all()):
        member = int((~sound).any(1).nonzero()[0])
        when = float(times[int((~sound[member]).nonzero()[0])])
        what = f"member {member} of {batch} is not finite at time {when:g} with a step of {run.step:g}"
        return Status.DIVERGED, f"gray_scott: {what}; give a shorter step, or feed, kill and diffusion nearer to 0.1."
    worst = run.error.amax(1)
    if bool((worst > tolerance).any()):
        member = int(worst.argmax())
        when = float(times[int((run.error[member] > tolerance).nonzero()[0])])
        what = f"member {member} of {batch} passes an error of {tolerance:g} in mean_b at time {when:g}"
        if bool(run.chaotic[member]):
            return (
                Status.CHAOTIC,
                f"gray_scott: {what}, and halving the step does not help; end the run before, or use means.",
            )
        return Status.TOLERANCE_NOT_MET, f"gray_scott: {what} and ends at {float(worst[member]):.1e}."
    return Status.CONVERGED, " ".join(_remarks(run, values, times, outputs))


def _remarks(run: Run, values: Mapping[str, Tensor], times: Tensor, outputs: Mapping[str, Output]) -> list[str]:
    """Say what a person should know of a run that met its tolerance."""
    names = [CLASSES[int(k)] for k in outputs["pattern"].values.tolist()]
    found = sorted(set(names), key=names.index)
    said = [f"Pattern: {', '.join(f'{name} ({names.count(name)})' if len(names) > 1 else name for name in found)}."]
    if run.coarser is not None:
        said.append(f"Largest error estimate of mean_b {float(run.error.max()):.1e}.")
    _, still = settling(run.finest, times)
    if not bool(still.all()):
        said.append(
            f"{int((~still).sum())} of {len(names)} still move or grow at the end: their settling_time is a lower "
            "bound and their pattern that of the moment."
        )
    if "dead" in names:
        least = float(richness(values["feed"], values["kill"])[[name == "dead" for name in names]].min())
        said.append(
            f"B has died out in {names.count('dead')} of {len(names)}: F / (4 (F + k)^2) is {least:.2f} there; raise "
            "feed or lower kill until it is 0.9 or more, or start from more B."
        )
    tail = float(run.finest.tail[:, -1].max())
    if tail > COARSE:
        said.append(f"The grid is coarse: {tail:.1e} of B's variance is in its last third; raise cells for the fields.")
    return said
