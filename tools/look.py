"""What a file of measurements is before it is fitted: of which experiment, how many points, what its comments say."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from physics.columns import TIME_COLUMNS, value_column
from physics.data import Measurement, read_measurement
from physics.errors import InputError
from physics.experiment import Experiment
from tools.comments import read_comments
from tools.errors import Retry
from tools.experiments import find, names
from tools.plans import names as planned
from tools.plans import planning
from tools.records import Curve

MOST_CURVES = 12
_HEADER_LINES, _LONGEST_LINE = 10_000, 1 << 16
_LOW = 0.5  # of the largest value: a curve that ends below it came down again


def look(paths: Sequence[str], experiment: str | None = None) -> tuple[Curve, ...]:
    """Read measured curves as far as their header, their points and their comments.

    Raises:
        Retry: a file cannot be read or used, or belongs to another experiment; the message says which and how to
            mend it.
    """
    if len(paths) > MOST_CURVES:
        raise Retry(f"{len(paths)} files are more than the {MOST_CURVES} that one plan can use; leave some out")
    curves: list[Curve] = []
    for path in paths:
        curve = _look(Path(path), experiment)
        twin = next((other for other in curves if other.sha256 == curve.sha256), None)
        if twin is not None:
            raise Retry(f"{curve.path} holds the same bytes as {twin.path}; hand a curve over once")
        curves.append(curve)
    kinds = {curve.experiment: curve.path for curve in curves}
    if len(kinds) > 1:
        told = " and ".join(f"{path} of {kind}" for kind, path in kinds.items())
        raise Retry(f"the files belong to different experiments, {told}: plan one experiment at a time")
    return tuple(curves)


def _look(path: Path, experiment: str | None) -> Curve:
    declared = _experiment(path, experiment)
    try:
        curve = declared.curve
        measured = read_measurement(path, value=value_column(curve), unit=curve.unit)
    except InputError as error:
        raise Retry(str(error)) from error
    after = planning(declared.name).measured if declared.name in planned() else None
    said, notes = read_comments(measured.comments, after.comments if after else {}, declared)
    return Curve(
        path=str(path),
        name=path.name,
        experiment=declared.name,
        sha256=measured.sha256,
        points=len(measured.time),
        input=_shape(measured),
        settings=said,
        notes=(*measured.notes, *notes),
    )


def _experiment(path: Path, asked: str | None) -> Experiment:
    """Return the experiment whose curve the file's header names; it must be the one asked for."""
    header = _header(path)
    known = {value_column(find(name).curve): name for name in names() if _has_curve(name)}
    found = {known[value] for value in known for word in header if word == value or word.startswith(f"{value}_")}
    if len(found) == 1:
        (name,) = found
        if asked is not None and asked != name:
            raise Retry(f"{path} holds a curve of {name}, but the plan is of {asked}; name its own file")
        return find(name)
    wanted = value_column(find(asked).curve) if asked is not None else f"one of {', '.join(sorted(known))}"
    raise Retry(f"{path}: its header names no curve that is known here; write 'time_h,VALUE' with {wanted} as VALUE")


def _has_curve(name: str) -> bool:
    return any(item.kind == "curve" for item in find(name).observables)


def _header(path: Path) -> list[str]:
    """Return the names in the first line that is no comment; what is no text file is left to the reader of curves."""
    if not path.is_file():
        raise Retry(f"{path}: {'is a directory; name a CSV file' if path.is_dir() else 'no such file; check the path'}")
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as text:
            for _ in range(_HEADER_LINES):
                line = text.readline(_LONGEST_LINE)
                if not line:
                    break
                if line.strip() and not line.lstrip().startswith("#"):
                    return [word.strip().strip('"').strip().lower() for word in line.split(",")]
    except OSError as error:
        raise Retry(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    raise Retry(f"{path}: no header; begin with a time column such as {next(iter(TIME_COLUMNS))} and the measured one")


def _shape(measured: Measurement) -> str:
    """Say what was fed by where the curve begins and ends: on and stays, on and off, or full and then clean."""
    first, last, top = float(measured.value[0]), float(measured.value[-1]), float(measured.value.max())
    if last >= _LOW * top:
        return "step"
    return "leach" if first >= _LOW * top else "pulse"
