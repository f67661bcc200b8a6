"""Figures of a run, as SVG text that stands in the page itself."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from agent.present import unit_text
from agent.report.panels import Curve, label, panels, spans_decades

_STYLE: Any = {
    "svg.fonttype": "none",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": (
        "cycler('color', ['#1b5e86', '#b5532a', '#4d7c3a', '#7a4a8c', '#8a6d1d', '#444444'])"
        " + cycler('linestyle', ['-', '--', '-.', ':', '-', '--'])"
    ),
}
_SHADES = 255


def predicted(curve: Mapping[str, Any], schedule: Sequence[Mapping[str, Any]]) -> str:
    """Draw a predicted curve with its interval, and a mark at each sampling time that lies on its axis."""
    with rc_context(_STYLE):
        figure = Figure(figsize=(7, 3.6), layout="constrained")
        axes = figure.subplots()
        _time_axis(axes, curve["time_unit"])
        axes.set_ylabel(_upper_first(curve.get("label", "relative concentration")))
        axes.plot(curve["time"], curve["values"], label="predicted")
        if "lower" in curve:
            name = f"{100 * curve['level']:g} % interval"
            axes.fill_between(curve["time"], curve["lower"], curve["upper"], alpha=0.25, label=name)
        for index, time in enumerate(sampling_times(curve, schedule)):
            axes.axvline(time, ymax=0.04, color="#b5532a", ls="-", label="measure" if index == 0 else None)
        if len(axes.get_legend_handles_labels()[0]) > 1:
            axes.legend(frameon=False)
        return _svg(figure, "Predicted curve")


def sampling_times(curve: Mapping[str, Any], schedule: Sequence[Mapping[str, Any]]) -> list[float]:
    """Return the schedule where it is a list of times at which to read the curve, else nothing.

    Durations, temperatures and run lengths that a schedule also may hold have no place on the curve's axis.
    """
    unit = curve["time_unit"]
    if not unit or not is_sampling(schedule) or any(item["unit"] != unit for item in schedule):
        return []
    return [item["value"] for item in schedule if curve["time"][0] <= item["value"] <= curve["time"][-1]]


def is_sampling(schedule: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether a schedule lists moments of one kind: each is called a sampling time, numbered or not."""
    return bool(schedule) and all(item["name"].startswith("sampling time") for item in schedule)


def simulated(outputs: Sequence[Mapping[str, Any]]) -> str:
    """Draw the curves of a solver run, one panel a quantity, and the last frame of each field; "" if there is none."""
    curves = [Curve.of(output) for output in outputs if "values" in output and output.get("kind") != "field"]
    fields = [output for output in outputs if "picture" in output]
    drawn = [_curves(curves)] if curves else []
    drawn += [_fields(fields)] if fields else []
    return "\n".join(drawn)


def _curves(curves: Sequence[Curve]) -> str:
    groups = panels(curves)
    with rc_context(_STYLE):
        figure = Figure(figsize=(7, 0.6 + 2.3 * len(groups)), layout="constrained")
        for axes, group in zip(np.atleast_1d(figure.subplots(len(groups), 1)), groups, strict=True):
            for curve in group:
                axes.plot(curve.time, curve.values, label=curve.title, marker="o" if len(curve.time) == 1 else None)
            axes.set_ylabel(label(group))
            _time_axis(axes, group[0].time_unit)
            if spans_decades(group):
                axes.set_yscale("log")
            if len(group) > 1:
                axes.legend(frameon=False)
        figure.align_ylabels()
        return _svg(figure, "Simulated curves")


def _fields(fields: Sequence[Mapping[str, Any]]) -> str:
    with rc_context(_STYLE):
        columns = min(len(fields), 2)
        rows = -(-len(fields) // columns)
        figure = Figure(figsize=(7, 0.4 + rows * _height(fields[0], columns)), layout="constrained")
        grid = np.atleast_1d(figure.subplots(rows, columns)).ravel()
        for axes, field in zip(grid, fields, strict=False):
            _picture(figure, axes, field)
        for axes in grid[len(fields) :]:
            axes.set_visible(False)
        return _svg(figure, "Fields at the end")


def _height(field: Mapping[str, Any], columns: int) -> float:
    """Return the inches that a picture needs below its title, at its own proportions."""
    (x, y) = field["axes"].values()
    width = 5.0 / columns
    return float(min(max(width * (y["to"] - y["from"]) / (x["to"] - x["from"] or 1.0), 1.0), 5.0)) + 1.4


def _picture(figure: Figure, axes: Axes, field: Mapping[str, Any]) -> None:
    picture = field["picture"]
    shades = np.array([list(bytes.fromhex(row)) for row in picture["rows"]])
    values = picture["lowest"] + (picture["highest"] - picture["lowest"]) * shades / _SHADES
    (across, x), (up, y) = field["axes"].items()
    extent = (x["from"], x["to"], y["from"], y["to"])
    image = axes.imshow(values, origin="lower", extent=extent, cmap="cividis", interpolation="nearest")
    name = f"size of {field['name']}" if field["components"] else field["name"]
    unit = unit_text(field["unit"])
    bar = figure.colorbar(image, ax=axes, orientation="horizontal", shrink=0.9)
    bar.set_label(f"{name} ({unit})" if unit else name)
    bar.locator = MaxNLocator(4)
    bar.formatter.set_powerlimits((-3, 4))  # type: ignore[attr-defined]
    bar.update_ticks()
    axes.set_xlabel(f"{across} ({x['unit']})" if x["unit"] else across)
    axes.set_ylabel(f"{up} ({y['unit']})" if y["unit"] else up)
    axes.set_title(f"at time {field['time'][-1]:.4g} {field['time_unit']}".strip(), fontsize=10)


def fitted(curve: Mapping[str, Any]) -> str:
    """Draw measured points with the fitted curve, and the residuals below."""
    with rc_context(_STYLE):
        figure = Figure(figsize=(7, 4.6), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        upper.plot(curve["time"], curve["measured"], "o", ms=3.5, color="#b5532a", label="measured")
        upper.plot(curve["time"], curve["fitted"], label="fitted")
        upper.set_ylabel(_upper_first(curve.get("label", "relative concentration")))
        upper.legend(frameon=False)
        residuals = [m - f for m, f in zip(curve["measured"], curve["fitted"], strict=True)]
        lower.axhline(0, color="grey", lw=0.8, ls="-")
        lower.plot(curve["time"], residuals, "o", ms=3)
        lower.set_ylabel("residual")
        _time_axis(lower, curve["time_unit"])
        return _svg(figure, "Measured points, fitted curve and residuals")


def _time_axis(axes: Axes, unit: str) -> None:
    axes.set_xlabel(f"time ({unit_text(unit)})" if unit else "time (dimensionless)")


def _upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]


def _svg(figure: Figure, description: str) -> str:
    buffer = io.StringIO()
    with rc_context(_STYLE):
        figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None, "Title": description})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
