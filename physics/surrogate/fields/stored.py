"""A trained surrogate of fields in files: its weights, its calibration, each with the card that says what it is.

    NAME.safetensors                  the weights: shape, regimes with grid, channels and ranges, data, seed, errors
    NAME.calibration.safetensors      intervals and limits by regime: of which weights, from how many runs

A file that is cut off, of something else, of other weights, or of regimes that the solvers know otherwise today is
refused in one sentence. Regimes that are data sets of The Well are made again from the card.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from physics.errors import DataError, ParameterError
from physics.surrogate.fields.calibration import Calibration
from physics.surrogate.fields.intervals import horizons_of
from physics.surrogate.fields.model import Shape, Surrogate
from physics.surrogate.fields.training import checkpoint
from physics.surrogate.regime import Regime
from physics.surrogate.regimes import get
from physics.surrogate.well_regime import WellRegime, rebuilt

SHIPPED = Path(__file__).resolve().parent.parent / "weights" / "fields.safetensors"
VERSION = 1


def write(path: Path, model: Surrogate, card: Mapping[str, Any]) -> None:
    """Write a model with its card, which gains the model's shape and regimes.

    Raises:
        DataError: the file cannot be written there.
    """
    told = {"version": VERSION, "shape": model.shape.as_dict(), "regimes": _regimes(model.regimes), **card}
    checkpoint.save(path, model.state_dict(), told)


def read(path: Path = SHIPPED) -> tuple[Surrogate, dict[str, Any]]:
    """Return the model of a file, ready to predict, and its card.

    Raises:
        DataError: there is none, or it cannot be used; the sentence says why.
    """
    tensors, card = checkpoint.load(path)
    if card.get("version") != VERSION:
        raise DataError(f"{path} has the format {card.get('version')}, this program reads {VERSION}; train it again")
    try:
        regimes = {name: _regime(name, told) for name, told in card["regimes"].items()}
        shape = Shape.from_dict(card["shape"])
        model = Surrogate(regimes, shape)
        model.load_state_dict(tensors)
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError, ParameterError) as error:
        raise DataError(f"{path} is of another model ({' '.join(str(error).split())[:120]}); train it again") from error
    _require_same(path, regimes, card["regimes"])
    if not all(bool(part.isfinite().all()) for part in tensors.values()):
        raise DataError(f"{path} holds numbers that are not finite; train it again")
    return model.eval().requires_grad_(False), card


def calibration_path(path: Path) -> Path:
    """Return where the calibration of a file of weights stands."""
    return path.with_suffix(".calibration.safetensors")


def fingerprint(model: Surrogate) -> str:
    """Return what tells the weights of a model from all others, in sixteen letters."""
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().reshape(-1).contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]


def write_calibration(path: Path, model: Surrogate, found: Mapping[str, Calibration], card: Mapping[str, Any]) -> None:
    """Write the calibration of the weights at `path`, beside them; `card` has what is told of each regime.

    Raises:
        DataError: the file cannot be written there.
    """
    tensors = {f"{name}/{part}": value for name, each in found.items() for part, value in each.tensors().items()}
    about = _regimes({name: model.regimes[name] for name in found})
    told = {"version": VERSION, "weights": fingerprint(model), "regimes": about, "told": dict(card)}
    checkpoint.save(calibration_path(path), tensors, told)


def read_calibration(path: Path, model: Surrogate) -> tuple[dict[str, Calibration], dict[str, Any]]:
    """Return the calibrations of a model by regime and what is told of each.

    Args:
        path: of its weights.
        model: that is calibrated.

    Raises:
        DataError: there is none, or it cannot be used; the sentence says why.
    """
    place = calibration_path(path)
    if not place.is_file():
        raise DataError(f"{path} was never calibrated; run 'labwright surrogate calibrate'")
    tensors, card = checkpoint.load(place)
    if card.get("version") != VERSION:
        raise DataError(f"{place} has the format {card.get('version')}, this program reads {VERSION}; calibrate again")
    if card.get("weights") != fingerprint(model):
        raise DataError(f"{place} is of other weights than {path.name}; calibrate again")
    found = {}
    try:
        _require_same(place, {name: model.regimes[name] for name in card["regimes"]}, card["regimes"])
        for name in card["regimes"]:
            own = {
                part.removeprefix(f"{name}/"): value for part, value in tensors.items() if part.startswith(f"{name}/")
            }
            found[name] = Calibration.restore(own)
            if found[name].intervals.frames != horizons_of(model.regimes[name], model.shape.history):
                raise ValueError(f"{name} has other horizons")
        return found, dict(card["told"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{place} lacks or has something else ({error}); calibrate again") from error


def _regime(name: str, told: Mapping[str, Any]) -> Regime:
    """Return a regime of a card: one of ours, or a data set of The Well as the card tells of it."""
    return rebuilt(name, told["well"]) if "well" in told else get(name)


def _require_same(path: Path, regimes: Mapping[str, Regime], kept: Mapping[str, Any]) -> None:
    """Raise `DataError` where a regime is not what the file was made with."""
    for name, told in _regimes(regimes).items():
        changed = [part for part, value in told.items() if kept[name].get(part) != value]
        if changed:
            raise DataError(f"{path}: {name} has other {', '.join(changed)} today than it was trained on; train again")


def _regimes(regimes: Mapping[str, Regime]) -> dict[str, dict[str, Any]]:
    """Return what makes each regime another one, as JSON gives it back."""
    return {
        name: {
            "points": list(regime.points),
            "channels": [channel.name for channel in regime.channels],
            "ranges": [[each.name, each.low, each.high] for each in regime.ranges],
            "interval": regime.interval,
            **({"well": regime.told()} if isinstance(regime, WellRegime) else {}),
        }
        for name, regime in regimes.items()
    }
