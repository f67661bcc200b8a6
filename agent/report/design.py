"""Figures of a design: what more time and material buy, and how the parameters become known while it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from agent.present import unit_text
from agent.report.figures import STYLE, svg, time_axis


def trade_off(points: Sequence[Mapping[str, Any]], wanted: float | None = None) -> str:
    """Draw the expected half-width against the time and, where it is counted, the material of the runs.

    `wanted` is the half-width that was asked for, relative.
    """
    material = [point for point in points if point.get("material")]
    varied = len({point["material"]["value"] for point in material}) > 1
    panels = [("duration", points)] + ([("material", material)] if varied else [])
    with rc_context(STYLE):
        figure = Figure(figsize=(7, 3.4), layout="constrained")
        row = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axes, (name, shown) in zip(row, panels, strict=True):
            unit = unit_text(shown[0][name]["unit"])
            best = _front([(point[name]["value"], 100 * point["precision"]) for point in shown])
            axes.plot(*zip(*[(p[name]["value"], 100 * p["precision"]) for p in shown], strict=True), "o", ms=3.5,
                      color="#9aa7b1", label="a run")  # fmt: skip
            axes.step(*zip(*best, strict=True), where="post", color="#1b5e86", label="best so far")
            if wanted is not None:
                axes.axhline(100 * wanted, color="#b5532a", ls="--", lw=1, label="wanted")
            axes.set_xlabel(f"{name} ({unit})" if unit else name)
            _percent(axes)
        row[0].set_ylabel("expected half-width (%)")
        row[-1].legend(frameon=False, fontsize=9)
        return svg(figure, "Expected precision against time and material")


def _front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points that no cheaper one beats, the cheapest first."""
    found: list[tuple[float, float]] = []
    for cost, width in sorted(points):
        if not found or width < found[-1][1]:
            found.append((cost, width))
    return [*found, (max(cost for cost, _ in points), found[-1][1])]


def information(
    rows: Sequence[Mapping[str, Any]], schedule: Sequence[Mapping[str, Any]], wanted: Mapping[str, float]
) -> str:
    """Draw how the half-width of each parameter falls from sample to sample, with what was asked for, relative."""
    unit = rows[0]["time"]["unit"]
    time = [row["time"]["value"] for row in rows]
    with rc_context(STYLE):
        figure = Figure(figsize=(7, 3.4), layout="constrained")
        axes = figure.subplots()
        for k, name in enumerate(rows[0]["precision"]):
            known = [(t, 100 * row["precision"][name]) for t, row in zip(time, rows, strict=True)
                     if row["precision"].get(name) is not None]  # fmt: skip
            (line,) = axes.plot(*zip(*known, strict=True), marker=".", label=name.replace("_", " "))
            if name in wanted:
                label = f"{name.replace('_', ' ')}, wanted" if k == 0 or len(wanted) > 1 else "wanted"
                axes.axhline(100 * wanted[name], color=line.get_color(), ls=":", lw=1, label=label)
        for item in schedule:
            axes.axvline(item["value"], ymax=0.04, color="#b5532a", ls="-", lw=1)
        _percent(axes)
        axes.set_ylabel("expected half-width (%)")
        time_axis(axes, unit)
        axes.legend(frameon=False, fontsize=9)
        return svg(figure, "Expected half-width of each parameter over the run")


def _percent(axes: Axes) -> None:
    """Make the axis of percentages logarithmic, with numbers that people read."""
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
