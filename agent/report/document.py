"""Run reports: the record of a run as a page that stands by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup

from agent.errors import BadRequest
from agent.report import figures
from agent.runs import RunRecord

FORMATS = ("html", "md")


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
    template = environment.get_template(f"report.{form}.j2")
    figure = Markup(_figure(record)) if form == "html" else ""  # noqa: S704 - drawn here, from numbers only
    return template.render(record=record, result=record.result, figure=figure)


def _figure(record: RunRecord) -> str:
    result = record.result
    if result.get("outputs"):
        return figures.simulated(result["outputs"])
    curve = result.get("curve") or {}
    if "measured" in curve:
        return figures.fitted(curve)
    return figures.predicted(curve, _times(result.get("schedule", []))) if curve else ""


def _times(schedule: Sequence[dict[str, Any]]) -> list[float]:
    return [item["value"] for item in schedule]


def _number(value: Any) -> str:
    return "" if value is None else f"{value:.5g}" if isinstance(value, float) else str(value)
