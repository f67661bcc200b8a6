"""The dashboard of the surrogate: what was measured as one page that stands by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from jinja2 import ChoiceLoader, Environment, PackageLoader, select_autoescape
from markupsafe import Markup

from agent.present import unit_text
from evals.surrogate import charts, table
from evals.surrogate.cases import DIFFERENCE, FIELD, palette
from evals.surrogate.records import HORIZONS, Records, read
from physics.surrogate.trust import FASTER
from tools.predictions import Tally

FIGURES = Path(__file__).resolve().parent.parent / "results" / "surrogate_figures.json"
STUDY = "labwright eval surrogate --rerun --record"
CALIBRATED = ("labwright surrogate calibrate", STUDY)
MADE_BY = {
    "rows": (STUDY,),
    "ablations": (STUDY,),
    "options": (STUDY,),
    "errors": (STUDY,),
    "channels": (STUDY,),
    "reliability": CALIBRATED,
    "risk": CALIBRATED,
    "fallback": ("labwright predict",),
    "spectra": (STUDY,),
    "cases": (STUDY,),
    "speed": CALIBRATED,
}
_T = TypeVar("_T")


class Goal(NamedTuple):
    """A number of the summary: what it is, what it should be, and the ends of that."""

    title: str
    target: str
    low: float
    high: float
    share: bool = False


GOALS = {
    "mean_ratio": Goal("mean VRMSE over the best baseline's", "at most 0.54", 0.0, 0.54),
    "coverage_in": Goal("of runs within the ranges lie in their 90 % interval", "88 to 92 %", 0.88, 0.92, share=True),
    "coverage_out": Goal("of runs beyond the ranges lie in theirs", "", 0.0, 1.0, share=True),
    "abstained": Goal("of the runs beyond the ranges that exceed their interval are left to the solver",
                      "at least 95 %", 0.95, 1.0, share=True),
    "speedup": Goal("times faster than a solver that is no better, batches of 64",
                    f"at least {FASTER:g}", FASTER, float("inf")),
}  # fmt: skip


class Tile(NamedTuple):
    """A number of the summary as it is shown; the verdict is "" where there is no target."""

    value: str
    title: str
    target: str
    verdict: str


def result_page(result: Mapping[str, Any], tally: Path | None = None, figures: Path = FIGURES) -> str:
    """Return the page of a result of the study with the figures that stand beside it and a tally of predictions."""
    counted = Tally(tally).summary() if tally is not None else []
    return page(read(figures).of(result, counted))


def page(records: Records) -> str:
    """Return the page; a section without records says what makes them."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader("evals", "templates"), PackageLoader("agent", "templates")]),
        autoescape=select_autoescape(("html.j2",), default=False),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "words": charts.words,
        "unit": unit_text,
        "three": table.three,
        "quantity": lambda value, unit: f"{table.three(value)} {unit_text(unit)}".strip(),
        "percent": _percent,
        "duration": _duration,
    }
    return environment.get_template("surrogate.html.j2").render(
        records=records,
        made_by=MADE_BY,
        tiles=[tile for name in GOALS if (tile := _tile(name, records.summary.get(name)))],
        tables=_tables(records),
        ablations=[found for each in HORIZONS if (found := table.ablations(records.rows, each))],
        options=[found for each in HORIZONS if (found := table.options(records.options, each))],
        memories=[found for each in HORIZONS if (found := table.options(records.memories, each))],
        errors=_drawn(_grouped(records.errors, lambda row: row.regime), charts.error_curves),
        channels=_grouped(records.channels, lambda row: (row.split, row.horizon)),
        reliability=_drawn(_grouped(records.reliability, lambda row: row.regime), charts.reliability),
        sharpness=_sharpness(records),
        risk=_drawn(_grouped(records.risk, lambda row: row.regime), charts.risk),
        spectra=_drawn(_grouped(records.spectra, lambda row: (row.regime, row.field)), charts.spectra),
        cases=[(row, charts.case(row) if row.places else Markup()) for row in records.cases],
        colours={name: _gradient(colours) for name, colours in (("field", FIELD), ("difference", DIFFERENCE))},
        speed=charts.speed(records.speed, FASTER) if records.speed else "",
        faster=FASTER,
    )


def _tables(records: Records) -> list[tuple[table.Table, Markup]]:
    titles = {"step": "One interval ahead", "rollout": "Rolled out to the end"}
    found = [table.against_peers(records.rows, horizon) for horizon in HORIZONS]
    return [(each, charts.comparison(each.errors, each.models, titles[each.horizon])) for each in found if each]


def _tile(name: str, value: Any) -> Tile | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    goal = GOALS[name]
    verdict = ("pass" if goal.low <= value <= goal.high else "fail") if goal.target else ""
    return Tile(_percent(value) if goal.share else table.three(float(value)), goal.title, goal.target, verdict)


def _grouped(rows: Iterable[_T], key: Callable[[_T], Any]) -> dict[Any, list[_T]]:
    found: dict[Any, list[_T]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return found


def _drawn(groups: Mapping[Any, Sequence[_T]], draw: Callable[[Sequence[_T]], Markup]) -> list[tuple[Any, Markup]]:
    return [(name, draw(rows)) for name, rows in groups.items()]


def _sharpness(records: Records) -> str:
    known = [row for row in records.reliability if any(width is not None for width in row.widths)]
    ordered = [row for group in _grouped(known, lambda row: row.regime).values() for row in group]
    return charts.sharpness(ordered) if ordered else ""


def _gradient(colours: str) -> str:
    stops = palette(colours)[:-1:32]
    return ", ".join(f"rgb({red} {green} {blue})" for red, green, blue in stops.tolist())


def _percent(share: float | None) -> str:
    if share is None:
        return "-"
    return f"{100.0 * share:.1f} %" if 0.0 < share < 1.0 else f"{100.0 * share:.0f} %"


def _duration(seconds: float | None) -> str:
    """Write seconds with the unit that fits."""
    if seconds is None:
        return "-"
    for unit, size in (("h", 3600.0), ("min", 60.0), ("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if abs(seconds) >= size:
            return f"{table.three(seconds / size)} {unit}"
    return f"{table.three(seconds)} s"
