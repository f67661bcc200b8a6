"""The solved runs of a split: numbers and targets, drawn by seed and kept in a file so that they are solved once.

A large split is solved in parts, each kept as it ends, so that one that was stopped goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from physics.surrogate.curves.family import Family, Report

SPLITS = ("train", "calibration", "coverage", "beyond")
_PART = 250  # runs


@dataclass(frozen=True)
class Runs:
    """Numbers (runs,) and targets (runs, nodes) of the runs that have a result, and what they cost.

    `drawn` is how many were drawn: those that have no result are left out.
    """

    numbers: dict[str, Tensor]
    targets: dict[str, Tensor]
    drawn: int
    seconds: float

    def __len__(self) -> int:
        return len(next(iter(self.numbers.values())))


def fingerprint(family: Family) -> str:
    """Return what runs and weights of a family depend on, in sixteen letters: its ranges, targets and tolerance."""
    ranges = [(each.name, each.low, each.high, each.reach, each.log) for each in family.ranges]
    targets = [(each.name, each.nodes, each.log) for each in family.targets]
    told = json.dumps([family.name, ranges, targets, family.tolerance, *family.edges])
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def runs_of(
    family: Family, split: str, count: int, seed: int, folder: Path | None = None, report: Report = lambda done: None
) -> Runs:
    """Return the runs of a split, from the folder where they stand there, else solved and kept."""
    file = None if folder is None else folder / family.name / f"{split}-{count}-{seed}.safetensors"
    if file is not None and (kept := _read(file, family)) is not None:
        return kept
    numbers, parts = family.draw(split, count, seed), []
    for first in range(0, count, _PART):
        size = min(_PART, count - first)
        kept_as = None if file is None or count <= _PART else _part(file, first)
        part = None if kept_as is None else _read(kept_as, family)
        if part is None:
            own = {name: value[first : first + size] for name, value in numbers.items()}
            part = _solved(family, own, _within(report, first / count, size / count))
            if kept_as is not None:
                _write(kept_as, part, family)
        report((first + size) / count)
        parts.append(part)
    found = _joined(parts)
    if file is not None:
        _write(file, found, family)
        for first in range(0, count, _PART):
            _part(file, first).unlink(missing_ok=True)
    return found


def _part(file: Path, first: int) -> Path:
    return file.with_suffix(f".{first}")


def _within(report: Report, start: float, share: float) -> Report:
    """Return what tells the whole how far a part of it is."""
    return lambda done: report(start + share * done)


def _solved(family: Family, numbers: dict[str, Tensor], report: Report) -> Runs:
    begin = perf_counter()
    targets = family.solve(numbers, family.tolerance, report)
    seconds = perf_counter() - begin
    sound = torch.stack([torch.isfinite(values).all(1) for values in targets.values()]).all(0)
    drawn = len(sound)
    return Runs({n: v[sound] for n, v in numbers.items()}, {n: v[sound] for n, v in targets.items()}, drawn, seconds)


def _joined(parts: list[Runs]) -> Runs:
    first = parts[0]
    return Runs(
        {name: torch.cat([part.numbers[name] for part in parts]) for name in first.numbers},
        {name: torch.cat([part.targets[name] for part in parts]) for name in first.targets},
        sum(part.drawn for part in parts),
        sum(part.seconds for part in parts),
    )


def _write(file: Path, runs: Runs, family: Family) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    tensors = {f"numbers/{n}": v.contiguous() for n, v in runs.numbers.items()}
    tensors |= {f"targets/{n}": v.contiguous() for n, v in runs.targets.items()}
    told = {"fingerprint": fingerprint(family), "drawn": str(runs.drawn), "seconds": str(runs.seconds)}
    part = file.with_name(f"{file.name}.part")
    part.write_bytes(save(tensors, told))
    part.replace(file)


def _read(file: Path, family: Family) -> Runs | None:
    """Return the runs in a file; None where there is none, it is cut short, or of another family."""
    if not file.is_file():
        return None
    try:
        with safe_open(file, "pt") as opened:
            told = opened.metadata() or {}
            parts = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError):
        return None
    if told.get("fingerprint") != fingerprint(family):
        return None
    numbers = {each.name: parts[f"numbers/{each.name}"] for each in family.ranges}
    targets = {each.name: parts[f"targets/{each.name}"] for each in family.targets}
    return Runs(numbers, targets, int(told["drawn"]), float(told["seconds"]))
