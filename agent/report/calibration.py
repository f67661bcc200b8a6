"""Figures of a calibration: fit and residuals of every file, the posterior, a prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from agent.present import unit_text
from agent.report.figures import COLOURS, STYLE, svg, time_axis, upper_first
from tools.quantities import convert

_MOST_PAIRS = 4  # parameters that a figure of pairs has room for
_BINS = 24
_MARKS = "osD^v<"


def fits(curves: Sequence[Mapping[str, Any]]) -> str:
    """Draw the measured points of every file with the fitted curve, and below the residuals of each file."""
    unit = curves[0]["time_unit"]
    with rc_context(STYLE):
        figure = Figure(figsize=(7, 3.4 + 1.1 * len(curves)), layout="constrained")
        panels = figure.subplots(1 + len(curves), 1, sharex=True, height_ratios=(3.2, *[1.0] * len(curves)))
        upper, lower = panels[0], panels[1:]
        for k, (curve, below) in enumerate(zip(curves, lower, strict=True)):
            colour, mark = COLOURS[k % len(COLOURS)], _MARKS[k % len(_MARKS)]
            name = curve.get("name", "measured")
            time = _times(curve, unit)
            upper.plot(time, curve["measured"], mark, ms=3.5, mfc="none", color=colour, label=name)
            upper.plot(time, curve["fitted"], "-", color=colour, lw=1.2, label="fitted" if len(curves) == 1 else None)
            residuals = [m - f for m, f in zip(curve["measured"], curve["fitted"], strict=True)]
            below.axhline(0, color="grey", lw=0.8, ls="-")
            below.plot(time, residuals, mark, ms=3, color=colour)
            below.yaxis.set_major_locator(MaxNLocator(3))
            if len(curves) > 1:
                below.set_title(f"residuals of {name}", fontsize=9, loc="left", pad=3)
            else:
                below.set_ylabel("residual")
        upper.set_ylabel(upper_first(curves[0].get("label", "relative concentration")))
        upper.legend(frameon=False, fontsize=9)
        time_axis(lower[-1], unit)
        figure.align_ylabels()
        return svg(figure, "Measured points, fitted curves and residuals")


def _times(curve: Mapping[str, Any], unit: str) -> Sequence[float]:
    if curve["time_unit"] == unit or "pv" in (curve["time_unit"], unit):
        return list(curve["time"])
    return [convert(time, curve["time_unit"], unit) for time in curve["time"]]


def posterior(rows: Sequence[Mapping[str, Any]], draws: Mapping[str, Sequence[float]]) -> str:
    """Draw the posterior of every parameter with its interval, and that of every pair.

    `rows` are the parameters as the contract has them, `draws` the posterior in their units; "" if there are none.
    """
    shown = [row for row in rows if row["name"] in draws][:_MOST_PAIRS]
    if not shown:
        return ""
    count = len(shown)
    with rc_context(STYLE):
        size = {1: 3.6, 2: 6.2}.get(count, 7.2)
        figure = Figure(figsize=(size, 0.8 * size if count > 1 else 2.8), layout="constrained")
        grid = figure.subplots(count, count, squeeze=False, sharex="col")
        for i, row in enumerate(shown):
            for j, column in enumerate(shown):
                axes = grid[i][j]
                if j > i:
                    axes.set_visible(False)
                elif i == j:
                    _marginal(axes, row, draws[row["name"]])
                else:
                    _pair(axes, column, row, draws)
                _ticks(axes)
                if i == count - 1:
                    axes.set_xlabel(_named(column))
                if j == 0 and i > 0:
                    axes.set_ylabel(_named(row))
        return svg(figure, "Posterior of the parameters")


def _marginal(axes: Axes, row: Mapping[str, Any], draws: Sequence[float]) -> None:
    axes.hist(draws, bins=_BINS, color="#1b5e86", alpha=0.45, density=True)
    axes.axvline(row["value"], color="#1b5e86", ls="-", lw=1.2)
    for end in (row["lower"], row["upper"]):
        if end is not None:
            axes.axvline(end, color="#b5532a", ls="--", lw=1)
    axes.set_title(f"{100 * row['level']:g} % interval dashed", fontsize=8, color="#555555")
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)


def _pair(axes: Axes, x: Mapping[str, Any], y: Mapping[str, Any], draws: Mapping[str, Sequence[float]]) -> None:
    axes.plot(draws[x["name"]], draws[y["name"]], ".", ms=2.5, color="#1b5e86", alpha=0.45, ls="none")
    axes.plot([x["value"]], [y["value"]], "+", ms=9, mew=1.6, color="#b5532a")


def _ticks(axes: Axes) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(3))
    if axes.get_yticks().size:
        axes.yaxis.set_major_locator(MaxNLocator(4))
    for axis in (axes.xaxis, axes.yaxis):
        axis.get_major_formatter().set_useOffset(False)  # type: ignore[attr-defined]
    axes.tick_params(labelsize=8)


def _named(row: Mapping[str, Any]) -> str:
    unit = unit_text(row["unit"])
    name = row["name"].replace("_", " ").replace("[", "\n[")
    return f"{name} ({unit})" if unit else name


def prediction(row: Mapping[str, Any]) -> str:
    """Draw a predicted curve with its interval, and the points that were measured there."""
    with rc_context(STYLE):
        figure = Figure(figsize=(7, 3.6), layout="constrained")
        axes = figure.subplots()
        axes.fill_between(
            row["time"], row["lower"], row["upper"], color="#1b5e86", alpha=0.22, lw=0,
            label=f"{100 * row['level']:g} % interval of a reading",
        )  # fmt: skip
        axes.plot(row["time"], row["median"], color="#1b5e86", label="predicted")
        if "measured" in row:
            measured = row["measured"]
            axes.plot(measured["time"], measured["values"], "o", ms=3.5, color="#b5532a", label=measured["name"])
        axes.set_ylabel(upper_first(row["label"]))
        time_axis(axes, row["time_unit"])
        changed = ", ".join(f"{name.replace('_', ' ')} = {text}" for name, text in row["settings"].items())
        axes.set_title(f"Prediction for {changed}" if changed else "Prediction", fontsize=10)
        axes.legend(frameon=False)
        return svg(figure, "Predicted curve with its interval")
