"""The card of a regime's data, and the statistics by which The Well's loader scales its fields."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tempfile
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from physics.errors import InputError
from physics.surrogate.frames import fields_of, path_of, read
from physics.surrogate.regime import Regime
from tools.errors import Retry

_PACKAGES = ("labwright", "torch", "numpy", "scipy", "numba", "h5py")
_AT_ONCE = 32


def family(regime: Regime) -> dict[str, Any]:
    """Return what a regime is, as its card says it."""
    return {
        "regime": regime.name,
        "title": regime.title,
        "equation": regime.equation,
        "axes": [
            {"name": a.name, "points": a.points, "length": a.length, "boundary": a.boundary, "unit": a.unit}
            for a in regime.axes
        ],
        "channels": [{"name": c.name, "unit": c.unit, "bounds": c.bounds} for c in regime.channels],
        "settings": [
            {"name": r.name, "low": r.low, "high": r.high, "reach": list(r.reach), "log": r.log, "unit": r.unit}
            for r in regime.ranges
        ],
        "interval": regime.interval,
        "time_unit": regime.time_unit,
        "frames": regime.frames,
        "keeps": [{"name": each.name, "tolerance": each.tolerance} for each in regime.invariants],
    }


def fingerprint(regime: Regime, seed: int, split: str) -> str:
    """Return what tells the runs of a split from those of another regime, seed or split."""
    told = json.dumps({**family(regime), "seed": seed, "split": split}, sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def read_card(folder: Path) -> dict[str, Any]:
    """Return the card of a folder, an empty one where there is none that can be read."""
    try:
        found = json.loads((folder / "card.json").read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_card(folder: Path, regime: Regime, seed: int, splits: Mapping[str, Any]) -> dict[str, Any]:
    """Write card.json and README.md, and return the card."""
    card = {**family(regime), "seed": seed, "splits": dict(splits), "versions": _versions()}
    _write(folder / "card.json", json.dumps(card, indent=2) + "\n")
    _write(folder / "README.md", _readme(regime, card))
    return card


def write_stats(out: Path, regime: Regime) -> None:
    """Write stats.yaml from the training runs: what a field and its change from frame to frame are on average."""
    if not path_of(out, regime.name, "train").is_file():
        return
    sums: dict[str, Tensor] = {}
    count = {"": 0, "_delta": 0}
    try:
        first = 0
        while len(part := read(out, regime, "train", slice(first, first + _AT_ONCE))):
            values = part.values.to(torch.float64)
            for kind, seen in (("", values), ("_delta", values.diff(dim=1))):
                flat = seen.movedim(2, 0).flatten(1)
                count[kind] += flat.shape[1]
                for name, total in ((f"mean{kind}", flat.sum(1)), (f"rms{kind}", flat.square().sum(1))):
                    sums[name] = sums.get(name, torch.zeros_like(total)) + total
            first += _AT_ONCE
    except InputError as error:
        raise Retry(str(error)) from error
    stats: dict[str, Tensor] = {}
    for kind, many in count.items():
        mean, square = sums[f"mean{kind}"] / many, sums[f"rms{kind}"] / many
        stats |= {
            f"mean{kind}": mean,
            f"rms{kind}": square.sqrt(),
            f"std{kind}": (square - mean**2).clamp(min=0).sqrt(),
        }
    _write(out / regime.name / "stats.yaml", _yaml(stats, fields_of(regime)))


def _yaml(stats: Mapping[str, Tensor], fields: Mapping[str, list[int]]) -> str:
    lines = []
    for name in sorted(stats):
        lines.append(f"{name}:")
        for field, channels in fields.items():
            numbers = [f"{float(stats[name][channel]):.9e}" for channel in channels]
            lines.append(f"  {field}: " + (numbers[0] if len(numbers) == 1 else f"[{', '.join(numbers)}]"))
    return "\n".join(lines) + "\n"


def _readme(regime: Regime, card: Mapping[str, Any]) -> str:
    """Return the card for people."""
    unit = f" {regime.time_unit}" if regime.time_unit else ""
    lines = [
        f"# {regime.name}: {regime.title}",
        "",
        f"    {regime.equation}",
        "",
        f"{regime.frames} frames, {regime.interval:g}{unit} apart, the start included; single precision, The Well's "
        f"HDF5 layout. Seed {card['seed']}. Empty units are dimensionless.",
        "",
        "| axis | points | length | boundary |",
        "| --- | --- | --- | --- |",
        *(f"| {a.name} | {a.points} | {a.length:g} {a.unit} | {a.boundary} |" for a in regime.axes),
        "",
        "| channel | unit | bounds |",
        "| --- | --- | --- |",
        *(f"| {c.name} | {c.unit or '1'} | {c.bounds or 'none'} |" for c in regime.channels),
        "",
        "| setting | unit | range | drawn evenly in | beyond |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {r.name} | {r.unit or '1'} | {r.low:g} to {r.high:g} | {'its logarithm' if r.log else 'itself'} "
            f"| {r.reach[0]:g} to {r.reach[1]:g} |"
            for r in regime.ranges
        ),
        "",
        "A run keeps: " + (", ".join(f"{each.name} ({each.tolerance:g})" for each in regime.invariants) or "nothing")
        + ".",
        "",
        "| split | runs | outside the ranges | seconds | of processor | MB |",
        "| --- | --- | --- | --- | --- | --- |",
        *(
            f"| {name} | {told['runs']} | {'yes' if told['beyond'] else 'no'} | {told.get('seconds', '')} "
            f"| {told.get('processor_seconds', '')} | {told.get('bytes', 0) / 1e6:.1f} |"
            for name, told in card["splits"].items()
        ),
        "",
        "Made with " + ", ".join(f"{name} {number}" for name, number in card["versions"].items()) + ".",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "w") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError as error:
        raise Retry(f"{path} cannot be written: {error.strerror}") from error
