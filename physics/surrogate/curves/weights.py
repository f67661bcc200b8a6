"""Trained surrogates in files: `NAME.safetensors` with the tensors, `NAME.json` the card that says what they are.

The card names family, data, seed, kinds, errors, coverage, ranges and the measured speed; the file of tensors has the
fingerprint of the family and of the card's own contents, so that a file that is cut short, of another family or of
other code is told in one sentence and never used.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from physics.errors import DataError
from physics.surrogate.curves.emulator import KINDS, Emulator, restore
from physics.surrogate.curves.family import Family
from physics.surrogate.curves.runs import fingerprint

FOLDER = Path(__file__).resolve().parent.parent / "weights" / "curves"
VERSION = 1
_KEY = "labwright"  # one entry, since several would stand in any order and change the file
_SINGLE = ("scores", "groups", "modes", "mean", "profile", "local_points", "local_weights")  # these need no more


def write(family: Family, emulators: Mapping[str, Emulator], card: Mapping[str, Any], folder: Path = FOLDER) -> Path:
    """Write the emulators of a family's targets with their card; a reader sees the whole or the one before."""
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"{name}/{part}": _narrow(part, value).contiguous()
        for name, emulator in emulators.items()
        for part, value in emulator.tensors().items()
    }
    kinds = {name: emulator.kind for name, emulator in emulators.items()}
    told = {"family": family.name, "version": str(VERSION), "fingerprint": fingerprint(family)}
    target = folder / f"{family.name}.safetensors"
    full = {**told, "kinds": kinds, **card}
    _put(target, save(tensors, {_KEY: json.dumps(told)}))
    write_card(family, full, folder)
    return target


def write_card(family: Family, card: Mapping[str, Any], folder: Path = FOLDER) -> None:
    """Write the whole card of a family anew, beside tensors that stay."""
    _put(folder / f"{family.name}.json", json.dumps(card, indent=1, ensure_ascii=False).encode() + b"\n")


def _put(path: Path, data: bytes) -> None:
    part = path.with_suffix(path.suffix + ".part")
    part.write_bytes(data)
    part.replace(path)


def read(family: Family, folder: Path = FOLDER) -> tuple[dict[str, Emulator], dict[str, Any]]:
    """Return the emulators of a family and their card.

    Raises:
        DataError: there are none, or they cannot be used; the sentence says why.
    """
    target = folder / f"{family.name}.safetensors"
    if not target.is_file():
        raise DataError(f"no surrogate of {family.name} stands at {target}")
    try:
        card = json.loads(target.with_suffix(".json").read_text())
        with safe_open(target, "pt") as opened:
            told = json.loads((opened.metadata() or {}).get(_KEY, "{}"))
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise DataError(f"{target} cannot be read ({' '.join(str(error).split())[:120]}); train it again") from error
    _check(family, target, told, card)
    try:
        emulators = {each.name: _emulator(each.name, card, tensors) for each in family.targets}
    except (KeyError, TypeError) as error:
        raise DataError(f"{target} lacks {error}; it is of another surrogate, train it again") from error
    for each in family.targets:
        _check_shapes(family, each.name, each.nodes, emulators[each.name], target)
    return emulators, card


def _emulator(name: str, card: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> Emulator:
    kind = card["kinds"][name]
    if kind not in KINDS:
        raise KeyError(f"a regressor of kind {kind!r}")
    own = {part.removeprefix(f"{name}/"): value.double() for part, value in tensors.items()
           if part.startswith(f"{name}/")}  # fmt: skip
    return restore(kind, own)


def _check(family: Family, target: Path, told: Mapping[str, str], card: Mapping[str, Any]) -> None:
    """Raise `DataError` where the file is of another family, another format or other ranges."""
    if told.get("family") != family.name:
        raise DataError(f"{target} is a surrogate of {told.get('family', 'something else')}, not of {family.name}")
    if told.get("version") != str(VERSION):
        raise DataError(f"{target} has the format {told.get('version')}, this program reads {VERSION}; train it again")
    same = told.get("fingerprint") == card.get("fingerprint") == fingerprint(family)
    if not same or card.get("grouped") != list(family.grouped):
        raise DataError(f"{target} was trained on other ranges or targets than {family.name} has now; train it again")


def _check_shapes(family: Family, name: str, nodes: int, emulator: Emulator, target: Path) -> None:
    """Raise `DataError` where tensors do not fit together or are not finite."""
    try:
        with torch.no_grad():
            curves, expected, _ = emulator.predict(torch.zeros(2, len(family.ranges), dtype=torch.float64))
        fits = curves.shape == (2, nodes) and emulator.profile.shape == (nodes,)
        sound = bool(torch.isfinite(curves).all() and torch.isfinite(expected).all())
    except (RuntimeError, ValueError):
        fits = sound = False
    if not (fits and sound):
        raise DataError(f"{target}: the tensors of {name} do not fit together; train it again")


def _narrow(part: str, value: Tensor) -> Tensor:
    """Return what is kept: single precision where more is of no use."""
    return value.to(torch.uint8) if part == "groups" else value.float() if part in _SINGLE else value
