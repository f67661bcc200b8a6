"""Run reports: the record of a run as a page that stands by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup

from agent.errors import BadRequest
from agent.present import unit_text
from agent.report import assimilation, calibration, design, figures
from agent.report.figures import is_sampling
from agent.runs import RunRecord

FORMATS = ("html", "md")
_TITLES = {"simulate": "Simulation", "calibrate": "Calibration", "design": "Design", "assimilate": "Assimilation"}


def write(record: RunRecord, form: str) -> str:
    """Return the report of a run as HTML (figures inside) or Markdown (no figures).

    Raises:
        BadRequest: the format is unknown, or the run shows nothing that could be reported.
    """
    if form not in FORMATS:
        raise BadRequest(f"--format {form!r} is not one of {', '.join(FORMATS)}")
    if record.result.get("status") in ("withheld", "needs_input", "declined"):
        raise BadRequest(f"run {record.id} was not shown ({record.result.get('reason')}); there is nothing to report")
    environment = Environment(
        loader=PackageLoader("agent", "templates"),
        autoescape=select_autoescape(("html.j2",), default=False),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = _number
    environment.filters["unit"] = unit_text
    environment.filters["together"] = _together
    environment.filters["file_name"] = _file_name
    environment.tests["sampling"] = is_sampling
    template = environment.get_template(f"report.{form}.j2")
    figure = Markup(_figure(record)) if form == "html" else ""  # noqa: S704 - drawn here; its words are escaped
    data = Markup(_data(record)) if form == "html" else ""  # noqa: S704
    further = [(title, Markup(drawn)) for title, drawn in _further(record)] if form == "html" else []  # noqa: S704
    kind = _TITLES.get(record.kind, record.kind.capitalize())
    return template.render(
        record=record,
        result=record.result,
        kind=kind,
        settings=_settings(record),
        data=data,
        figure=figure,
        further=further,
    )


def _figure(record: RunRecord) -> str:
    result = record.result
    if result.get("outputs"):
        return figures.simulated(result["outputs"])
    curve = result.get("curve") or {}
    if "measured" in curve:
        return calibration.fits(result.get("curves") or [curve])
    return figures.predicted(curve, result.get("schedule", [])) if curve.get("time") else ""


def _data(record: RunRecord) -> str:
    """Draw the measured curves that a plan follows, with their fits."""
    rows = (record.result.get("calibration") or {}).get("files", ())
    curves = [{**row["curve"], "name": _file_name(row)} for row in rows]
    return calibration.fits(curves) if curves else ""


def _file_name(row: Mapping[str, Any]) -> str:
    return Path(row["file"]).name


def _further(record: RunRecord) -> list[tuple[str, str]]:
    """Draw what else a run shows, each with its title."""
    result = record.result
    drawn = _assimilated(result) if record.kind == "assimilate" else []
    if draws := (result.get("posterior") or {}).get("draws"):
        drawn.append(("Posterior", calibration.posterior(result["parameters"], draws)))
    if prediction := result.get("prediction"):
        drawn.append(("Prediction", calibration.prediction(prediction)))
    if gathered := result.get("information_over_time"):
        drawn.append(("Information over time", design.information(gathered, result["schedule"], _wanted(result))))
    if points := result.get("trade_off"):
        wanted = _wanted(result)
        drawn.append(("Trade-off", design.trade_off(points, min(wanted.values(), default=None))))
    return drawn


def _assimilated(result: Mapping[str, Any]) -> list[tuple[str, str]]:
    found = [
        ("Readings", assimilation.readings(result)),
        ("Before and after", assimilation.parameters(result["methods"])),
        ("Fields", assimilation.fields(result["fields"], result["sensors"])),
    ]
    return [(title, drawn) for title, drawn in found if drawn]


def _wanted(result: Mapping[str, Any]) -> dict[str, float]:
    """Return the half-widths that were asked for, relative, by parameter."""
    return {row["name"]: row["wanted"] for row in result.get("predictions", ()) if row.get("wanted") is not None}


def _settings(record: RunRecord) -> list[dict[str, Any]]:
    """Return the settings of a plan as rows, or those that a run was given as the user's own words."""
    shown = record.result.get("settings")
    if shown:
        return [{**row, "unit": unit_text(row["unit"])} for row in shown]
    given = record.inputs.get("settings") or {}
    return [{"name": name, "value": text, "unit": ""} for name, text in given.items()]


def _together(schedule: Sequence[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Group the items of a schedule that share a name."""
    names = dict.fromkeys(item["name"] for item in schedule)
    return [(name, [item for item in schedule if item["name"] == name]) for name in names]


def _number(value: Any) -> str:
    """Write a number for people: five digits, and nothing of what is zero but for rounding."""
    if value is None:
        return ""
    if not isinstance(value, float):
        return str(value)
    return f"{0.0 if abs(value) < 1e-30 else value:.5g}"
