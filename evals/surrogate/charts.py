"""The figures of the dashboard, one function each: records to SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, MultipleLocator, NullFormatter, PercentFormatter

from agent.present import unit_text
from agent.report.figures import time_axis, upper_first
from evals.surrogate.drawing import COLOURS, SOFT, drawn, panel, style
from evals.surrogate.records import Case, ErrorCurve, Number, Reliability, Risk, Spectrum, Speed

MARKS = ("o", "s", "^", "D", "v", "X")
SPLITS = {"within": (COLOURS[0], "-", "o"), "beyond": (COLOURS[1], "--", "s")}
_HYPHENS = {
    "advection_dispersion": "Advection-dispersion",
    "gray_scott": "Gray-Scott",
    "klein_gordon": "Klein-Gordon",
}
_FLOOR = 1e-9  # of the largest energy: below it is rounding


def words(name: str) -> str:
    """Return the name of a data set, an experiment or a quantity for people."""
    return _HYPHENS.get(name) or upper_first(name.replace("_", " "))


def numbers(values: Sequence[Number]) -> np.ndarray:
    """Return an array with NaN where a value is unknown."""
    return np.array([math.nan if value is None else value for value in values], dtype=float)


def comparison(errors: Mapping[str, Mapping[str, Sequence[float]]], models: Mapping[str, str], title: str) -> Markup:
    """Draw the mean VRMSE of models on data sets, a mark a model, with a line over its seeds.

    Args:
        errors: of each seed, by data set and model.
        models: what each is called.
        title: what the figure shows.
    """
    with style(title):
        figure, (axes,) = panel(height=0.9 + 0.42 * len(errors))
        for place, (model, shift) in enumerate(zip(models, np.linspace(-0.24, 0.24, len(models)), strict=True)):
            colour, mark = COLOURS[place % len(COLOURS)], MARKS[place % len(MARKS)]
            for row, by_model in enumerate(errors.values()):
                if found := by_model.get(model):
                    axes.plot([min(found), max(found)], [row + shift] * 2, "-", color=colour, lw=1.2)
                    axes.plot(float(np.mean(found)), row + shift, mark, color=colour, ms=5 if place else 6)
        axes.set_yticks(range(len(errors)), [words(name) for name in errors])
        axes.set_ylim(len(errors) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("mean VRMSE")
        _log(axes, "x")
        return drawn(figure, f"{title}: mean VRMSE of {', '.join(models.values())} on {len(errors)} data sets")


def error_curves(curves: Sequence[ErrorCurve]) -> Markup:
    """Draw VRMSE over time for one regime: medians, and the band that holds all but a tenth at either end."""
    first = curves[0]
    told = f"{words(first.regime)}: VRMSE over time"
    with style(told):
        figure, (axes,) = panel()
        for curve in curves:
            colour, line = (COLOURS[2], ":") if curve.horizon == "step" else SPLITS[curve.split][:2]
            axes.plot(numbers(curve.times), numbers(curve.median), color=colour, ls=line)
            low, high = numbers(curve.low), numbers(curve.high)
            axes.fill_between(numbers(curve.times), low, high, color=colour, alpha=0.15, lw=0)
        axes.set_ylabel("VRMSE")
        axes.xaxis.set_major_locator(MaxNLocator(4))
        _log(axes, "y")
        time_axis(axes, first.time_unit)
        return drawn(figure, f"{told}, " + "; ".join(_ends(curve) for curve in curves))


def _ends(curve: ErrorCurve) -> str:
    begin, end = numbers(curve.median)[[0, -1]]
    return f"{curve.horizon} {curve.split} the ranges: median from {begin:.2g} to {end:.2g}"


def reliability(rows: Sequence[Reliability]) -> Markup:
    """Draw coverage against the nominal level for one regime, with what as many runs would scatter by."""
    told = f"{words(rows[0].regime)}: coverage against the nominal level"
    with style(told):
        figure, (axes,) = panel()
        level = np.linspace(0.45, 1.0, 56)
        scatter = 2.0 * np.sqrt(level * (1.0 - level) / rows[0].runs)
        axes.fill_between(level, level - scatter, np.minimum(level + scatter, 1.0), color=SOFT, alpha=0.2, lw=0)
        axes.plot(level, level, "-", color=SOFT, lw=0.8)
        for row in rows:
            colour, line, mark = SPLITS[row.split]
            axes.plot(numbers(row.nominal), numbers(row.covered), color=colour, ls=line, marker=mark, ms=3.5)
        axes.set_xlabel("nominal level")
        axes.set_ylabel("runs covered")
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
            axis.set_major_locator(MultipleLocator(0.1 if axis is axes.xaxis else 0.2))
        axes.set_xlim(0.47, 1.01)
        axes.set_ylim(min(0.4, float(np.nanmin([numbers(row.covered).min() for row in rows])) - 0.05), 1.02)
        return drawn(figure, f"{told}, " + "; ".join(_covered(row) for row in rows))


def _covered(row: Reliability) -> str:
    nearest = min(range(len(row.nominal)), key=lambda k: abs((row.nominal[k] or 0.0) - row.level))
    return f"{row.split} the ranges {row.covered[nearest]:.1%} at {row.nominal[nearest]:.0%}"


def sharpness(rows: Sequence[Reliability]) -> Markup:
    """Draw where the half-widths of intervals lie: the median, the middle half and nine tenths, regime by regime."""
    level = f"{rows[0].level:.0%}"
    told = f"Half-widths of {level} intervals over the deviation of the channel"
    with style(told):
        figure, (axes,) = panel(height=0.9 + 0.27 * len(rows))
        for place, row in enumerate(rows):
            colour, _, mark = SPLITS[row.split]
            known, shares = numbers(row.widths), numbers(row.shares)
            at = {share: known[int(np.abs(shares - share).argmin())] for share in (0.05, 0.25, 0.5, 0.75, 0.95)}
            axes.plot([at[0.05], at[0.95]], [place] * 2, "-", color=colour, lw=1.0)
            axes.plot([at[0.25], at[0.75]], [place] * 2, "-", color=colour, lw=5.0, alpha=0.45, solid_capstyle="butt")
            axes.plot(at[0.5], place, mark, color=colour, ms=5)
        axes.set_yticks(range(len(rows)), [words(row.regime) if row.split == "within" else "beyond" for row in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("half-width / deviation of the channel")
        _log(axes, "x")
        return drawn(figure, told)


def risk(rows: Sequence[Risk]) -> Markup:
    """Draw the mean error of what is answered over the share answered, with the working point, for one regime."""
    told = f"{words(rows[0].regime)}: error of what is answered over the share answered"
    with style(told):
        figure, (axes,) = panel()
        for row in rows:
            colour, line, mark = SPLITS[row.split]
            axes.plot(numbers(row.share), numbers(row.best), "-", color=colour, lw=0.7, alpha=0.6)
            axes.plot(numbers(row.share), numbers(row.risk), color=colour, ls=line)
            if row.answered and row.error is not None:
                axes.plot(row.answered, row.error, mark, color=colour, ms=7, mfc="none", mew=1.6, clip_on=False)
        axes.set_xlabel("share answered")
        axes.set_ylabel("mean VRMSE")
        axes.set_xlim(0.0, 1.02)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
        _log(axes, "y")
        return drawn(figure, f"{told}, " + "; ".join(_working(row) for row in rows))


def _working(row: Risk) -> str:
    error = "" if row.error is None else f" with a mean VRMSE of {row.error:.2g}"
    return f"{row.split} the ranges {row.answered or 0.0:.0%} are answered{error}"


def spectra(rows: Sequence[Spectrum]) -> Markup:
    """Draw the energy of one field by wave, predicted against true, at a few moments."""
    first = rows[0]
    told = f"{words(first.regime)}: energy of {first.field.replace('_', ' ')} by wave number"
    with style(told):
        figure, (axes,) = panel()
        most = max(float(np.nanmax(numbers(row.true)[1:])) for row in rows)
        for row, colour in zip(rows, COLOURS, strict=False):
            waves = np.arange(1, len(row.true))
            axes.plot(waves, numbers(row.true)[1:], "-", color=colour, lw=2.6, alpha=0.35)
            axes.plot(waves, numbers(row.predicted)[1:], "--", color=colour, lw=1.3,
                      label=f"{row.time:.4g} {unit_text(row.time_unit)}".strip())  # fmt: skip
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("waves along an axis")
        unit = unit_text(first.unit)
        axes.set_ylabel(f"energy ({unit})" if unit else "energy")
        _log(axes, "y")
        bottom, top = axes.get_ylim()
        axes.set_ylim(max(bottom, _FLOOR * most), top)
        axes.legend(title=None if first.time_unit else "time", fontsize=8, loc="lower left", handlelength=1.6)
        return drawn(figure, f"{told}, predicted (dashed) against true at {len(rows)} moments")


def case(row: Case) -> Markup:
    """Draw a run of one axis: truth and prediction, and their difference below."""
    told = f"{words(row.regime)}, {row.rank}, run {row.run}, {row.split} the ranges: {row.channel} at {row.time:.3g}"
    with style(told):
        figure, (upper, lower) = panel(2, height=3.1, sharex=True, height_ratios=(2.2, 1.0))
        places, truth, made = numbers(row.places), numbers(row.truth), numbers(row.predicted)
        upper.plot(places, truth, "-", color=COLOURS[0], lw=2.6, alpha=0.4)
        upper.plot(places, made, "--", color=COLOURS[1])
        lower.plot(places, made - truth, "-", color=COLOURS[1], lw=1.0)
        lower.axhline(0.0, color=SOFT, lw=0.8, ls="-")
        unit = unit_text(row.unit)
        upper.set_ylabel(words(f"{row.channel} ({unit})" if unit else row.channel))
        lower.set_ylabel("difference")
        lower.set_xlabel(row.axes[0])
        figure.align_ylabels()
        return drawn(figure, told)


def speed(rows: Sequence[Speed], faster: float) -> Markup:
    """Draw how many times faster the surrogate is than a solver that is no better, with the line where it pays."""
    told = "How many times faster the surrogate is than a solver that is no better"
    with style(told):
        figure, (axes,) = panel(height=0.9 + 0.3 * len(rows))
        for place, row in enumerate(rows):
            colour, _, mark = SPLITS["within" if row.answers == "surrogate" else "beyond"]
            axes.plot([1.0, row.ratio or math.nan], [place] * 2, "-", color=colour, lw=5.0, alpha=0.4)
            axes.plot(row.ratio or math.nan, place, mark, color=colour, ms=6)
        axes.axvline(faster, color=SOFT, lw=1.0, ls="-")
        axes.set_yticks(range(len(rows)), [words(row.regime) for row in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("times faster")
        _log(axes, "x")
        return drawn(figure, f"{told}: " + ", ".join(f"{words(row.regime)} {row.ratio or 0.0:.3g}" for row in rows))


def _log(axes: Axes, which: str) -> None:
    """Make an axis logarithmic, with plain numbers where they are short and enough of them to read."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    axes.set_xscale("log") if which == "x" else axes.set_yscale("log")
    low, high = axis.get_view_interval()
    decades = math.log10(high / low) if low > 0.0 else math.inf
    plain = FuncFormatter(lambda value, _: f"{value:g}")
    if low >= 1e-5 and high <= 1e5:
        axis.set_major_formatter(plain)
    between = (2.0, 5.0) if decades < 1.6 else (3.0,) if decades < 2.6 else ()
    axis.set_minor_locator(LogLocator(subs=between) if between and decades > 0.4 else LogLocator(subs="auto"))
    axis.set_minor_formatter(plain if between and decades > 0.4 else NullFormatter())
    axis.set_tick_params(which="minor", length=3.5 if between else 2.0, pad=3.5)
