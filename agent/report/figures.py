"""Figures of a run, as SVG text that stands in the page itself."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from agent.present import unit_text
from agent.report.panels import Curve, label, panels, spans_decades

STYLE: Any = {
    "svg.fonttype": "none",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": (
        "cycler('color', ['#1b5e86', '#b5532a', '#4d7c3a', '#7a4a8c', '#8a6d1d', '#444444'])"
        " + cycler('linestyle', ['-', '--', '-.', ':', '-', '--'])"
    ),
}
COLOURS = ("#1b5e86", "#b5532a", "#4d7c3a", "#7a4a8c", "#8a6d1d", "#444444")
_SHADES = 255


def predicted(curve: Mapping[str, Any], schedule: Sequence[Mapping[str, Any]]) -> str:
    """Draw a predicted curve with its interval, and a mark at each sampling time that lies on its axis."""
    with rc_context(STYLE):
        figure = Figure(figsize=(7, 3.6), layout="constrained")
        axes = figure.subplots()
        time_axis(axes, curve["time_unit"])
        axes.set_ylabel(upper_first(curve.get("label", "relative concentration")))
        axes.plot(curve["time"], curve["values"], label="predicted")
        if "lower" in curve:
            name = f"{100 * curve['level']:g} % interval"
            axes.fill_between(curve["time"], curve["lower"], curve["upper"], alpha=0.25, label=name)
        for index, time in enumerate(sampling_times(curve, schedule)):
            axes.axvline(time, ymax=0.04, color="#b5532a", ls="-", label="measure" if index == 0 else None)
        if len(axes.get_legend_handles_labels()[0]) > 1:
            axes.legend(frameon=False)
        return svg(figure, "Predicted curve")


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
    return bool(schedule) and all(item.get("name", "sampling time").startswith("sampling time") for item in schedule)


def simulated(outputs: Sequence[Mapping[str, Any]]) -> str:
    """Draw the curves of a solver run, one panel a quantity, and the last frame of each field; "" if there is none."""
    curves = [Curve.of(output) for output in outputs if "values" in output and output.get("kind") != "field"]
    fields = [output for output in outputs if "picture" in output]
    drawn = [_curves(curves)] if curves else []
    drawn += [_fields(fields)] if fields else []
    return "\n".join(drawn)


def _curves(curves: Sequence[Curve]) -> str:
    groups = panels(curves)
    with rc_context(STYLE):
        figure = Figure(figsize=(7, 0.6 + 2.3 * len(groups)), layout="constrained")
        for axes, group in zip(np.atleast_1d(figure.subplots(len(groups), 1)), groups, strict=True):
            for curve in group:
                axes.plot(curve.time, curve.values, label=curve.title, marker="o" if len(curve.time) == 1 else None)
            axes.set_ylabel(label(group))
            time_axis(axes, group[0].time_unit)
            if spans_decades(group):
                axes.set_yscale("log")
            if len(group) > 1:
                axes.legend(frameon=False)
        figure.align_ylabels()
        return svg(figure, "Simulated curves")


def _fields(fields: Sequence[Mapping[str, Any]]) -> str:
    return pictures(fields, "Fields at the end")


def pictures(fields: Sequence[Mapping[str, Any]], title: str, mark: Callable[[Axes], object] | None = None) -> str:
    """Draw fields two in a row; `mark` adds to each."""
    with rc_context(STYLE):
        columns = min(len(fields), 2)
        rows = -(-len(fields) // columns)
        figure = Figure(figsize=(7, 0.5 + rows * picture_height(fields[0], columns)), layout="constrained")
        grid = np.atleast_1d(figure.subplots(rows, columns)).ravel()
        for axes, field in zip(grid, fields, strict=False):
            picture(figure, axes, field)
            if mark is not None:
                mark(axes)
        for axes in grid[len(fields) :]:
            axes.set_visible(False)
        return svg(figure, title)


def picture_height(field: Mapping[str, Any], columns: int) -> float:
    """Return the inches that a picture needs below its title, at its own proportions."""
    (x, y) = field["axes"].values()
    width = 5.0 / columns
    return float(min(max(width * (y["to"] - y["from"]) / (x["to"] - x["from"] or 1.0), 1.0), 5.0)) + 1.4


def picture(figure: Figure, axes: Axes, field: Mapping[str, Any]) -> None:
    """Draw the last frame of a field of two axes, with a bar of its shades."""
    kept = field["picture"]
    shades = np.array([list(bytes.fromhex(row)) for row in kept["rows"]])
    values = kept["lowest"] + (kept["highest"] - kept["lowest"]) * shades / _SHADES
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


def time_axis(axes: Axes, unit: str) -> None:
    """Label the axis of time with its unit."""
    axes.set_xlabel(f"time ({unit_text(unit)})" if unit else "time (dimensionless)")


def upper_first(text: str) -> str:
    """Begin with a capital letter."""
    return text[:1].upper() + text[1:]


def svg(figure: Figure, description: str, *, tight: bool = True) -> str:
    """Return the figure as SVG text that stands in a page; of its own size unless `tight`."""
    buffer, box = io.StringIO(), "tight" if tight else None
    with rc_context(STYLE):
        figure.savefig(buffer, format="svg", bbox_inches=box, metadata={"Date": None, "Title": description})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
