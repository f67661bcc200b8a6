"""Figures of a run, as SVG text that stands in the page itself."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_STYLE: Any = {
    "svg.fonttype": "none",
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": "cycler('color', ['#1b5e86', '#b5532a', '#4d7c3a'])",
}


def predicted(curve: Mapping[str, Any], schedule: Sequence[float]) -> str:
    """Draw a predicted curve with its interval and a mark at each sampling time."""
    figure, axes = _axes(curve["time_unit"], curve.get("label", "relative concentration"))
    axes.plot(curve["time"], curve["values"], label="predicted")
    if "lower" in curve:
        label = f"{100 * curve['level']:g} % interval"
        axes.fill_between(curve["time"], curve["lower"], curve["upper"], alpha=0.25, label=label)
    for index, time in enumerate(schedule):
        axes.axvline(time, ymax=0.04, color="#b5532a", label="measure" if index == 0 else None)
    axes.legend(frameon=False)
    return _svg(figure, "Predicted curve with its interval and the times at which to measure")


def simulated(outputs: Sequence[Mapping[str, Any]]) -> str:
    """Draw every curve of a solver run."""
    curves = [output for output in outputs if "values" in output]
    figure, axes = _axes(curves[0]["time_unit"] if curves else "h")
    for output in curves:
        axes.plot(output["time"], output["values"], label=output["name"])
    axes.legend(frameon=False)
    return _svg(figure, "Simulated curves")


def fitted(curve: Mapping[str, Any]) -> str:
    """Draw measured points with the fitted curve, and the residuals below."""
    with rc_context(_STYLE):
        figure = Figure(figsize=(7, 4.6), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        upper.plot(curve["time"], curve["measured"], "o", ms=3.5, color="#b5532a", label="measured")
        upper.plot(curve["time"], curve["fitted"], label="fitted")
        upper.set_ylabel("relative concentration")
        upper.legend(frameon=False)
        residuals = [m - f for m, f in zip(curve["measured"], curve["fitted"], strict=True)]
        lower.axhline(0, color="grey", lw=0.8)
        lower.plot(curve["time"], residuals, "o", ms=3)
        lower.set_ylabel("residual")
        lower.set_xlabel(f"time ({curve['time_unit']})")
        return _svg(figure, "Measured points, fitted curve and residuals")


def _axes(time_unit: str, label: str = "relative concentration") -> tuple[Figure, Axes]:
    with rc_context(_STYLE):
        figure = Figure(figsize=(7, 3.6), layout="constrained")
        axes = figure.subplots()
        axes.set_xlabel(f"time ({time_unit})" if time_unit else "time")
        axes.set_ylabel(label)
        return figure, axes


def _svg(figure: Figure, description: str) -> str:
    buffer = io.StringIO()
    with rc_context(_STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Title": description})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
