"""What the dashboard of the surrogate shows, a record a figure: JSON beside the record of the study.

Written numbers have four digits; one that is not finite is None. `within` are runs drawn from the trained ranges,
`beyond` runs with a setting outside of them. Times are those of the regime, counted from the last frame that the
surrogate is given.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationError

from agent.runs import write_whole
from physics.errors import DataError

_DIGITS = 4
Horizon = Literal["step", "rollout"]
HORIZONS: tuple[Horizon, ...] = ("step", "rollout")
Split = Literal["within", "beyond"]


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.{_DIGITS}g}")


Number = Annotated[float | None, BeforeValidator(_finite), PlainSerializer(_short)]
Numbers = tuple[Number, ...]


class Record(BaseModel):
    """Any of them; what it does not know is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Row(Record):
    """One error of the study: the mean VRMSE of one model, trained with one seed, on one data set."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    dataset: str
    horizon: Horizon
    model: str
    seed: int
    vrmse: Number
    parameters: int | None = None
    cpu_minutes: Number = None


class ErrorCurve(Record):
    """VRMSE over time, the mean over channels: quantiles over runs; lists have an entry for each predicted frame."""

    regime: str
    horizon: Horizon
    split: Split
    runs: int
    time_unit: str
    times: Numbers
    low: Numbers  # 10 %
    median: Numbers
    high: Numbers  # 90 %


class ChannelErrors(Record):
    """PDEBench's metrics of one channel, in its unit: means over runs and frames, if not said otherwise."""

    regime: str
    horizon: Horizon
    split: Split
    channel: str
    unit: str
    rmse: Number
    nrmse: Number  # over the root mean square of the true field
    conserved: Number  # root mean square over runs of the mean over space, then the mean over frames
    largest: Number  # of all points, frames and runs
    boundary: Number
    bands: tuple[Number, Number, Number]  # of low, middle and high waves: `physics.surrogate.metrics.BANDS`


class Spectrum(Record):
    """Energy of a field at one moment, the mean over runs; lists have an entry for each shell of waves from zero on."""

    regime: str
    field: str
    unit: str  # of the energy
    time: float
    time_unit: str
    true: Numbers
    predicted: Numbers


class Picture(Record):
    """One field of two axes as a PNG in a data URI, its darkest and its lightest value; the first axis goes across."""

    name: Literal["truth", "prediction", "difference"]
    png: str
    low: Number
    high: Number


class Case(Record):
    """One run where it is worst: one channel at one frame, as curves along one axis or as pictures of two.

    Attributes:
        rank: "worst", "second worst", ... or "median", by mean VRMSE over the rollout.
        vrmse: of the shown frame, the mean over channels.
        mean: over the frames of the rollout.
        settings: value and unit by name.
        doubts: what speaks against the surrogate here, in sentences.
        places, truth, predicted: along the axis, in its unit and in the channel's; empty where there are pictures.
    """

    regime: str
    split: Split
    rank: str
    run: int
    time: float
    time_unit: str
    vrmse: Number
    mean: Number
    channel: str
    unit: str
    settings: dict[str, tuple[Number, str]]
    doubts: tuple[str, ...] | None = None  # None where nobody asked
    axes: tuple[str, ...]  # with their units
    proportion: float = 1.0  # of the first axis to the second
    places: Numbers = ()
    truth: Numbers = ()
    predicted: Numbers = ()
    pictures: tuple[Picture, ...] = ()


class Reliability(Record):
    """How often whole runs lie in their interval, and how wide it is.

    Attributes:
        nominal, covered: levels, and the share of runs covered at each.
        level: of the half-widths.
        widths: their quantiles at `shares`, relative to the deviation of the channel.
    """

    regime: str
    split: Split
    runs: int
    nominal: Numbers
    covered: Numbers
    level: float
    shares: Numbers = ()
    widths: Numbers = ()


class Risk(Record):
    """The error of what is answered where the most doubted runs are left to the solver.

    Attributes:
        share: of runs answered, rising; lists have an entry for each.
        risk: mean VRMSE of those, the least doubted.
        best: the same, were doubt the error itself.
        answered, error: share and mean VRMSE at the working point: what no doubt concerns.
        exceeding: runs whose error exceeds their interval; caught: how many of those are left to the solver.
    """

    regime: str
    split: Split
    runs: int
    share: Numbers
    risk: Numbers
    best: Numbers
    answered: Number
    error: Number
    exceeding: int
    caught: int


class Speed(Record):
    """Seconds of one run in a batch, and of the coarsest solver that is no worse than the surrogate."""

    regime: str
    batch: int
    surrogate: Number
    solver: Number
    coarse: int  # how many times fewer points along each axis
    error: Number  # mean VRMSE of the surrogate's rollouts
    solver_error: Number
    ratio: Number
    answers: Literal["surrogate", "solver"]


class Fallback(Record):
    """The tally of predictions of one experiment or regime: `tools.predictions.Tally.summary`."""

    experiment: str
    calls: int
    surrogate: int
    solver: int
    reasons: dict[str, int]
    seconds: Number
    saved: Number


class Records(Record):
    """All of them; a section without records says what makes them."""

    about: dict[str, Any] = {}  # date, commit, seed, version
    summary: dict[str, Any] = {}
    rows: tuple[Row, ...] = ()
    options: tuple[Row, ...] = ()
    memories: tuple[Row, ...] = ()
    errors: tuple[ErrorCurve, ...] = ()
    channels: tuple[ChannelErrors, ...] = ()
    reliability: tuple[Reliability, ...] = ()
    risk: tuple[Risk, ...] = ()
    fallback: tuple[Fallback, ...] = ()
    spectra: tuple[Spectrum, ...] = ()
    cases: tuple[Case, ...] = ()
    speed: tuple[Speed, ...] = ()

    @classmethod
    def joined(cls, parts: Iterable[Records]) -> Records:
        """Put parts together, of regimes or of sections, in their order."""
        kept: dict[str, Any] = {}
        for part in parts:
            for name in part.model_fields_set:
                value = getattr(part, name)
                kept[name] = (
                    {**kept.get(name, {}), **value} if isinstance(value, dict) else (*kept.get(name, ()), *value)
                )
        return cls(**kept)

    def of(self, result: Mapping[str, Any], tally: Iterable[Mapping[str, Any]] = ()) -> Records:
        """Add what a study found, as the contract has it, and the tally of predictions."""
        about = {
            name: result[name] for name in ("version", "seed", "seconds", "date", "commit", "reason") if name in result
        }
        found = Records(
            about=about,
            summary=dict(result.get("summary") or {}),
            rows=_rows(result, "rows"),
            options=_rows(result, "options"),
            memories=_rows(result, "memories"),
            fallback=tuple(Fallback.model_validate(row) for row in tally),
        )
        return Records.joined([self, found])


def _rows(result: Mapping[str, Any], name: str) -> tuple[Row, ...]:
    return tuple(Row.model_validate(row) for row in result.get(name, ()))


def write(path: Path, records: Records) -> Path:
    """Write records whole, without what is left out."""
    write_whole(path, records.model_dump_json(exclude_defaults=True) + "\n")
    return path


def read(path: Path) -> Records:
    """Read records; there are none where there is no file.

    Raises:
        DataError: the file is not one of them.
    """
    if not path.is_file():
        return Records()
    try:
        return Records.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a file of figures of the surrogate; delete it and make it again") from error
