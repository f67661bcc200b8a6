"""From the settings of a Gray-Scott run to the numbers that the march works on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from physics.equations.gray_scott.scheme import Rates
from physics.equations.gray_scott.start import richness, start_fields
from physics.errors import ParameterError
from physics.experiment import Parameter

WIDTH = 12.0  # of a spot, in sqrt(D_b times the unit of time)
SPACING = 100.0  # between spots, in the same lengths
SPACING_OF_GRID = 5.0  # between points, in the same lengths, where the cells are left out
MOST_CELLS, LEAST_CELLS, MOST_SPOTS = 1024, 16, 2000
FAINT = 0.02  # of B: spots that show less of it than this on the grid are none
MOST_STEPS = 5_000_000
LONGEST = 1e7


def lead(settings: Mapping[str, Any], name: str) -> float:
    """Return a numeric setting of the first member."""
    return float(torch.as_tensor(settings[name]).detach().reshape(-1)[0])


def whole(settings: Mapping[str, Any], name: str) -> int:
    """Return a setting that is one whole number for the whole batch.

    Raises:
        ParameterError: members differ, or it is not whole.
    """
    value = torch.as_tensor(settings[name], dtype=torch.float64).reshape(-1)
    if not bool((value == value[0]).all()):
        raise ParameterError(f"gray_scott: {name} must be the same for all members of a batch; run them apart")
    if float(value[0]) != round(float(value[0])):
        raise ParameterError(f"gray_scott: {name} = {float(value[0]):g} is not a whole number")
    return int(value[0])


def derive(full: dict[str, Any]) -> dict[str, Any]:
    """Fill in what follows from size and diffusivity, and check what concerns several parameters.

    Raises:
        ParameterError: something is missing or contradicts.
    """
    lacking = [name for name in ("feed", "kill") if name not in full]
    if lacking:
        raise ParameterError(f"gray_scott: {' and '.join(lacking)} missing; give for example feed=0.03 kill=0.062")
    length, size = math.sqrt(lead(full, "diffusion_b")), lead(full, "size")
    if "cells" not in full:
        wanted = 16 * math.ceil(size / (SPACING_OF_GRID * length) / 16.0)
        if wanted > MOST_CELLS:
            many = f"fronts in a square of size {size:g} need {wanted} cells a side, more than {MOST_CELLS}"
            raise ParameterError(f"gray_scott: {many}; take a smaller size or a larger diffusion_b, or name cells")
        full["cells"] = float(max(LEAST_CELLS, wanted))
    full.setdefault("spot_width", min(WIDTH * length, 0.25 * size))
    full.setdefault("spots", float(min(MOST_SPOTS, max(1, round((size / (SPACING * length)) ** 2)))))
    if whole(full, "cells") % 2:
        raise ParameterError(f"gray_scott: cells = {whole(full, 'cells')} is odd; give an even number")
    for name in ("spots", "seed"):
        whole(full, name)
    if bool((torch.as_tensor(full["spot_width"]) > 0.5 * torch.as_tensor(full["size"])).any()):
        raise ParameterError("gray_scott: spot_width is more than half of size; give smaller spots")
    _check_mixing(full)
    return full


def _check_mixing(full: Mapping[str, Any]) -> None:
    """Refuse a square that diffusion levels within the unit of time: it is a stirred tank."""
    size, a, b = (
        torch.as_tensor(full[name], dtype=torch.float64).detach() for name in ("size", "diffusion_a", "diffusion_b")
    )
    least = 2.0 * math.pi * torch.maximum(a, b).sqrt()
    small = (size < least).reshape(-1)
    if bool(small.any()):
        worst = int(small.to(torch.int8).argmax())
        side, need = (float(value.expand(small.shape)[worst]) for value in (size, least))
        raise ParameterError(
            f"gray_scott: diffusion levels a square of size {side:g} within the unit of time, so that no pattern can "
            f"stand; take a size above {need:.2g}, or smaller diffusivities"
        )


def tensors(settings: Mapping[str, Any], parameters: tuple[Parameter, ...], place: torch.device) -> dict[str, Tensor]:
    """Return the numeric settings checked and spread over one batch, each of shape (batch,).

    Raises:
        ParameterError: a value is outside its range, or batches differ.
    """
    found = {}
    for item in parameters:
        value = torch.as_tensor(settings[item.name], dtype=torch.float64, device=place)
        if value.dim() > 1 or value.numel() == 0:
            raise ParameterError(f"gray_scott: {item.name} has the shape {tuple(value.shape)}; give (batch,)")
        for extreme in (value.detach().min(), value.detach().max()):
            item.check(float(extreme))
        found[item.name] = value.reshape(-1)
    sizes = {name: len(value) for name, value in found.items() if len(value) > 1}
    if len(set(sizes.values())) > 1:
        raise ParameterError(f"gray_scott: batches differ: {', '.join(f'{n} has {k}' for n, k in sizes.items())}")
    batch = max(sizes.values(), default=1)
    return {name: value.expand(batch).contiguous() for name, value in found.items()}


def rates_of(values: Mapping[str, Tensor]) -> Rates:
    """Return the numbers of the equation."""
    return Rates(*(values[name] for name in Rates._fields))


def start_of(settings: Mapping[str, Any], values: Mapping[str, Tensor]) -> Tensor:
    """Return the fields to start from, shape (batch, 2, cells, cells), on the processor; no gradient flows to them.

    Raises:
        ParameterError: the grid does not see the spots.
    """
    cells, count, seed = (whole(settings, name) for name in ("cells", "spots", "seed"))
    rich = (richness(values["feed"], values["kill"]) > 1.0).tolist()
    made: dict[tuple[float, float, bool], Tensor] = {}
    rows = []
    for size, width, member in zip(values["size"].tolist(), values["spot_width"].tolist(), rich, strict=True):
        holes = member if settings["inoculum"] == "auto" else settings["inoculum"] == "holes"
        key = (size, width, holes)
        if key not in made:
            made[key] = start_fields(cells, size, width, count, seed, holes)
            if float(made[key][1].max() - made[key][1].min()) < FAINT:
                raise ParameterError(
                    f"gray_scott: spots of width {width:g} fall between points {size / cells:g} apart; raise cells or "
                    "spot_width, or take a smaller size"
                )
        rows.append(made[key])
    return torch.stack(rows)


def check_times(times: Any, place: torch.device) -> Tensor:
    """Return the output times, shape (n,).

    Raises:
        ParameterError: there is none, or one is negative, not finite or too large.
    """
    try:
        at = torch.as_tensor(times, dtype=torch.float64, device=place)
    except (TypeError, ValueError) as error:
        raise ParameterError(f"gray_scott: times = {times!r} are not numbers; give a list of them") from error
    if at.dim() != 1 or at.numel() == 0:
        raise ParameterError("gray_scott: times must be a list of at least one number")
    if not bool((torch.isfinite(at) & (at >= 0) & (at <= LONGEST)).all()):
        raise ParameterError(f"gray_scott: times must lie from 0 to {LONGEST:g} units of time")
    return at
