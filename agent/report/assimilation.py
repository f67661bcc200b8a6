"""Figures of an assimilation: readings against the analysis, prior and posterior, the fields with the sensors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from agent.present import unit_text
from agent.report.figures import COLOURS, STYLE, pictures, svg, time_axis, upper_first

_SHOWN = 4  # sensors that a panel has room for
_BAND = 2.0  # standard deviations about a profile


def readings(result: Mapping[str, Any]) -> str:
    """Draw what some sensors read with what the analysis makes of it, and the residuals of all; "" without reads."""
    sensors = [row for row in result["sensors"] if row["n"]]
    if not sensors:
        return ""
    window, noise, times = result["window"], result["noise"], result["times"]
    picks = np.unique(np.linspace(0, len(sensors) - 1, min(_SHOWN, len(sensors))).round().astype(int))
    with rc_context(STYLE):
        figure = Figure(figsize=(7, 5), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3.0, 1.4))
        for colour, k in zip(COLOURS, picks, strict=False):
            row = sensors[k]
            upper.plot(times, _numbers(row["measured"]), "o", ms=3.5, mfc="none", color=colour, ls="none",
                       label=row["place"])  # fmt: skip
            upper.plot(times, row["predicted"], "-", color=colour, lw=1.2)
        upper.set_ylabel("reading (points), analysis (lines)")
        upper.legend(frameon=False, fontsize=9)
        for row in sensors:
            left = _numbers(row["measured"]) - np.array(row["predicted"])
            lower.plot(times, left, ".", ms=3.5, color="#1b5e86", alpha=0.6, ls="none")
        lower.axhspan(-noise, noise, color="#b5532a", alpha=0.15, lw=0, label="noise of a reading")
        lower.axhline(0, color="grey", lw=0.8, ls="-")
        lower.set_ylabel("residual")
        lower.legend(frameon=False, fontsize=9)
        lower.yaxis.set_major_locator(MaxNLocator(3))
        time_axis(lower, window["unit"])
        several = f" of {len(sensors)} sensors" if len(sensors) > len(picks) else ""
        upper.set_title(f"{len(picks)}{several}, below the residuals of all" if several else "", fontsize=10)
        figure.align_ylabels()
        return svg(figure, "Readings against the analysis, and residuals")


def _numbers(values: Sequence[float | None]) -> np.ndarray:
    return np.array([np.nan if value is None else value for value in values], dtype=float)


def parameters(methods: Sequence[Mapping[str, Any]]) -> str:
    """Draw for each parameter its interval before the readings, and after them by each method; "" if there are none."""
    names = [row["name"] for row in methods[0]["parameters"]]
    if not names:
        return ""
    with rc_context(STYLE):
        height = 0.5 + len(names) * (0.75 + 0.25 * len(methods))
        figure = Figure(figsize=(7, height), layout="constrained")
        for axes, j in zip(np.atleast_1d(figure.subplots(len(names), 1)), range(len(names)), strict=True):
            _intervals(axes, [(one["method"], one["parameters"][j]) for one in methods])
        return svg(figure, "Parameters before and after the readings")


def _intervals(axes: Axes, rows: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    prior = rows[0][1]["prior"]
    found = [(name, row, colour) for (name, row), colour in zip(rows, COLOURS, strict=False)]
    bars = [("prior", prior, "#9aa7b1"), *found]
    for place, (_, row, colour) in enumerate(bars):
        axes.plot([row["lower"], row["upper"]], [place, place], "-", color=colour, lw=3, solid_capstyle="butt")
        axes.plot([row["value"]], [place], "o", color=colour, ms=5)
    axes.set_yticks(range(len(bars)), [name for name, _, _ in bars])
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    first = rows[0][1]
    unit = unit_text(first["unit"])
    name = first["name"].replace("_", " ")
    level = f"{100 * first['level']:g} % intervals"
    axes.set_xlabel(f"{name} ({unit}), {level}" if unit else f"{name}, {level}")


def fields(rows: Sequence[Mapping[str, Any]], sensors: Sequence[Mapping[str, Any]]) -> str:
    """Draw the fields at the end of the window with the sensors, or profiles with their bands; "" if there are none."""
    profiles = [row for row in rows if "values" in row]
    if profiles:
        return _profiles(profiles)
    shown = [{**row, "time": [row["time"]]} for row in rows if "picture" in row and row["at"] == "end"]
    if not shown:
        return ""
    places = np.array([row["at"] for row in sensors if row["at"] is not None]).reshape(-1, 2)

    def mark(axes: Axes) -> None:
        axes.plot(*places.T, "o", ms=4.5, mfc="white", mec="#b5532a", mew=1.2, ls="none", clip_on=False)

    return pictures(shown, "Fields at the end of the window with the places of the sensors", mark)


def _profiles(rows: Sequence[Mapping[str, Any]]) -> str:
    names = list(dict.fromkeys(row["name"] for row in rows))
    with rc_context(STYLE):
        figure = Figure(figsize=(7, 0.6 + 3.0 * len(names)), layout="constrained")
        for axes, name in zip(np.atleast_1d(figure.subplots(len(names), 1)), names, strict=True):
            own = [row for row in rows if row["name"] == name]
            for row, colour in zip(own, COLOURS, strict=False):
                mean, deviation = np.array(row["values"]), np.array(row["deviations"])
                time = f"{row['time']:.4g} {row['time_unit']}".strip()
                axes.plot(row["places"], mean, "-", color=colour, label=f"{row['at']}, {time}")
                low, high = mean - _BAND * deviation, mean + _BAND * deviation
                axes.fill_between(row["places"], low, high, color=colour, alpha=0.2, lw=0)
            ((axis, ends),) = own[0]["axes"].items()
            axes.set_xlabel(f"{axis} ({ends['unit']})" if ends["unit"] else axis)
            unit = unit_text(own[0]["unit"])
            axes.set_ylabel(upper_first(f"{name} ({unit})" if unit else name).replace("_", " "))
            axes.set_title(f"bands: {_BAND:g} standard deviations to either side", fontsize=9, color="#555555")
            axes.legend(frameon=False, fontsize=9)
        return svg(figure, "Profiles with their bands")
