"""A run that was not measured yet, or not fitted: its curve with an interval, from what the fit left known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from physics import units
from physics.calibrate.differences import fixed_of, model_of
from physics.calibrate.posterior import Posterior, predict
from physics.design.predict_interval import Band
from physics.errors import ParameterError
from physics.experiment import Experiment, Parameter
from tools.calibration.options import Options
from tools.calibration.problem import Task, values_of
from tools.calibration.rows import label, shown_times
from tools.read_data import DataFile, read_data
from tools.simulate import read_times

_FEW = 0.5  # of what the level promises: a measured curve that far outside is told so


def reach(declared: Experiment, options: Options) -> float:
    """Return where the sensor of the run to predict stands (m), zero where that is not told."""
    text = options.predict.get("position", options.predict.get("length"))
    item = declared.parameter("position") if text and declared.name == "column" else None
    return float(item.read(text)) if text and isinstance(item, Parameter) else 0.0


def prediction(task: Task, known: Posterior | None, level: float, device: str) -> dict[str, Any]:
    """Predict a further run: times, median and the interval of a reading at each time by itself.

    The interval carries what the data leave open of the parameters, the scatter between the files where there are
    several, the noise of a reading and the solver's error.

    Raises:
        ParameterError, UnitError, DataError: a setting, a time or the file to compare with cannot be used.
    """
    if known is None:
        return {"notes": ["Nothing is predicted, since the fit does not stand."]}
    options = task.options
    words = _words(task)
    measured = None
    if options.predict_data is not None:
        (measured,) = read_data(task.declared, [options.predict_data], words, free=task.free)
        words = dict(measured.given)
    given = {name: task.declared.parameter(name).read(text) for name, text in words.items()}
    given = _placed(task, given)
    settings = task.declared.complete({**given, **_middle(task, known)})
    seconds, unit = _times(task, settings, measured)
    at = torch.as_tensor(seconds, dtype=torch.float64)
    run = task.declared.simulate(settings, at, device=device)
    output = run.outputs[task.declared.curve.name]
    error = max(known.numerical_error, 0.0 if output.error is None else float(output.error.abs().max()))
    centre = {**given, **_middle(task, known)}
    band = predict(
        known,
        model_of(task.declared, centre, at, known.numerical_error),
        fixed_of(task.declared, centre, task.free),
        at,
        numerical_error=error,
        level=level,
    )
    row: dict[str, Any] = {
        "settings": {name: words[name] for name in words if name in _changed(task, words)},
        "time": [units.convert(t, "s", unit) for t in seconds],
        "time_unit": unit,
        "median": band.median.tolist(),
        "lower": band.lower.tolist(),
        "upper": band.upper.tolist(),
        "level": level,
        "numerical_error": error,
        "label": label(output),
        "notes": [f"{measured.name}: {note}" for note in measured.notes] if measured else [],
    }
    if task.options.nuisance:
        row["notes"].append("The prediction is of the curve itself, without what the instrument adds.")
    return row if measured is None else row | _compared(band, measured)


def _words(task: Task) -> dict[str, str]:
    """Return the settings of the further run: those that the files share, changed by those that were asked for."""
    first = task.files[0]
    asked = task.options.predict
    for name in asked:
        task.declared.parameter(name)
        if name in task.free:
            raise ParameterError(f"--predict {name}: it is fitted, so that its value comes from the data")
    if not asked and task.options.predict_data is None:
        shared, source = [file.given for file in task.files], first.given
    else:
        shared, source = [file.told for file in task.files], first.told
    common = {name: text for name, text in source.items() if all(other.get(name) == text for other in shared)}
    common = {name: text for name, text in common.items() if name not in task.free}
    if common.get("outlet", "").lower() == "semi-infinite" and {"position", "length"} & set(asked):
        common = {name: text for name, text in common.items() if name not in ("position", "length")}
        place = asked.get("position", asked.get("length", ""))
        common |= {"position": place, "length": place}
    return {**common, **asked}


def _placed(task: Task, given: dict[str, Any]) -> dict[str, Any]:
    """Tell the exchange with water at rest for the length that it was fitted for."""
    fitted = task.files[0].known.get("length")
    if "exchange" in task.free and given.get("outlet") == "semi-infinite" and fitted is not None:
        return {**given, "length": max(fitted, given.get("position", 0.0))}
    return given


def _changed(task: Task, words: Mapping[str, str]) -> list[str]:
    """Return what tells the further run apart from the files."""
    asked = [name for name in words if name in task.options.predict]
    return asked or [name for name in words if any(file.given.get(name) != words[name] for file in task.files)]


def _middle(task: Task, known: Posterior) -> dict[str, float]:
    """Return the values found, the mean over the files where a parameter is separate."""
    found = [values_of(known.solved, task.free, k) for k in range(len(task.files))]
    return {name: float(np.mean([each[name] for each in found])) for name in task.free}


def _times(task: Task, settings: Mapping[str, Any], measured: DataFile | None) -> tuple[list[float], str]:
    own = task.files[0].measured
    unit = own.column_unit if own.unit == "s" else "h"
    if task.options.predict_times is not None:
        return read_times(task.options.predict_times)
    if measured is not None:
        clock = measured.measured
        return measured.seconds.tolist(), clock.column_unit if clock.unit == "s" else "h"
    return task.declared.default_times(settings, 121).tolist(), unit


def _compared(band: Band, file: DataFile) -> dict[str, Any]:
    """Hold a measured curve against its prediction."""
    times = torch.as_tensor(file.seconds)
    if len(times) != len(band.times) or not bool(torch.allclose(times, band.times)):
        raise ParameterError("--predict-times and --predict-data name different times; leave --predict-times out")
    values = file.measured.value
    inside = (values >= band.lower.numpy()) & (values <= band.upper.numpy())
    count, n = int(inside.sum()), len(values)
    rmse = float(np.sqrt(np.mean((values - band.median.numpy()) ** 2)))
    words = (
        f"{file.name}: {count} of {n} readings ({100 * count / n:.0f} %) lie in the {100 * band.level:g} % interval; "
        f"they are off its middle by {rmse:.2g} (root mean square)."
    )
    if count < _FEW * band.level * n:
        words += " That is far fewer than promised: this run is not like those that were fitted."
    times_shown = shown_times(file.measured)
    return {
        "measured": {"name": file.name, "time": times_shown, "values": values.tolist()},
        "coverage": {"inside": count, "n": n, "share": count / n, "rmse": rmse, "words": words},
    }
