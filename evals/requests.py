"""Requests to plan and to design, drawn from a seed: structured, as the agent's nodes and the command hand them on."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tools.design import design
from tools.optimise import optimise_run
from tools.records import Evidence


@dataclass(frozen=True)
class Request:
    """One request: its kind, and `answer(surrogate)`, which runs the tool that the agent would call."""

    kind: str
    experiment: str
    answer: Callable[[bool], Evidence]
    words: Mapping[str, Any] = field(default_factory=dict)


# How many of a hundred; those that take a minute each are few.
SHARES = {
    "plan column": 20,
    "plan flash": 15,
    "plan convection": 11,
    "design column": 15,
    "design two regions": 10,
    "design freundlich": 22,
    "design flash": 4,
    "design convection": 3,
}


def draw(seed: int, shares: Mapping[str, int] = SHARES) -> list[Request]:
    """Return the requests of a seed; those of a kind do not depend on how many there are of another."""
    found = []
    for kind, count in shares.items():
        numbers = random.Random(f"{seed}/{kind}")  # noqa: S311
        found += [_KINDS[kind](kind, numbers) for _ in range(count)]
    return found


def _log(numbers: random.Random, low: float, high: float) -> float:
    return float(f"{math.exp(numbers.uniform(math.log(low), math.log(high))):.3g}")


def _even(numbers: random.Random, low: float, high: float) -> float:
    return float(f"{numbers.uniform(low, high):.3g}")


def _bound(name: str, lower: float | None, upper: float | None, unit: str) -> dict[str, Any]:
    return {"name": name, "lower": lower, "upper": upper, "unit": unit, "source": "request"}


def _planned(kind: str, request: dict[str, Any]) -> Request:
    whole = {"target": None, "choices": {}, "asked": True, "past": None, **request}
    return Request(kind, whole["experiment"], lambda on: design(whole, run="run", surrogate=on), whole)


def _designed(
    kind: str, experiment: str, settings: dict[str, str], limits: list[str], target: str, **more: Any
) -> Request:
    name, _, wanted = target.partition("=")

    def answer(surrogate: bool) -> Evidence:
        return optimise_run(experiment, settings, limits, {name: wanted}, surrogate=surrogate, **more)

    return Request(kind, experiment, answer, {"settings": settings, "limits": limits, "target": target, **more})


def _plan_column(kind: str, n: random.Random) -> Request:
    return _planned(
        kind,
        {
            "experiment": "column",
            "settings": {
                "length": f"{_even(n, 10, 50)} cm", "diameter": f"{_even(n, 2.5, 8)} cm",
                "porosity": f"{_even(n, 0.33, 0.45)}", "reading_error": f"{_even(n, 1, 3)} percent",
                "dispersivity": f"{_log(n, 0.05, 0.4)} cm",
            },
            "bounds": [
                _bound("flow", 0.5, 10.0, "mL/min"), _bound("duration", None, _even(n, 5, 24), "h"),
                _bound("shortest_interval", n.choice([2.0, 5.0, 10.0]), None, "min"),
                _bound("samples", None, float(n.randrange(20, 97)), ""),
            ],
            "target": "dispersion",
            "precision": _even(n, 3, 12),
        },
    )  # fmt: skip


def _plan_flash(kind: str, n: random.Random) -> Request:
    return _planned(
        kind,
        {
            "experiment": "flash",
            "settings": {
                "thickness": f"{_even(n, 1.5, 3)} mm", "thickness_error": f"{_even(n, 2, 8)} um",
                "spot_diameter": f"{_even(n, 8, 13)} mm", "noise": f"{_even(n, 5, 20)} mK",
                "heat_transfer": f"{_even(n, 8, 25)} W/(m**2*K)", "temperature": "298.15 K",
            },
            "choices": {"material": n.choice(["steel", "aluminium", "copper"])},
            "bounds": [
                _bound("pulse_width", 0.2, 5.0, "ms"), _bound("sampling_rate", None, 500.0, "kHz"),
                _bound("pulse_energy", None, _even(n, 2, 10), "J"), _bound("rear_rise", None, _even(n, 1, 4), "K"),
                _bound("shots", None, float(n.randrange(3, 20)), ""),
            ],
            "target": "diffusivity",
            "precision": _even(n, 1.5, 5),
        },
    )  # fmt: skip


def _plan_convection(kind: str, n: random.Random) -> Request:
    fluid = n.choice(["water", "silicone oil"])
    depth = _even(n, 4, 7) if fluid == "water" else _even(n, 7, 12)
    return _planned(
        kind,
        {
            "experiment": "convection",
            "settings": {
                "depth": f"{depth} mm", "depth_error": "50 um", "mean_temperature": "298.15 K", "growth": "100",
                "property_error": f"{_even(n, 5, 15)} percent",
                **({"viscosity": f"{n.choice([5, 10, 20])} cSt"} if fluid == "silicone oil" else {}),
            },
            "choices": {"fluid": fluid},
            "bounds": [_bound("duration", None, _even(n, 5, 30), "days")],
            "target": "onset",
            "precision": _even(n, 3, 20),
        },
    )  # fmt: skip


def _column(n: random.Random, peclet: tuple[float, float]) -> tuple[dict[str, str], list[str]]:
    """Return a column whose Peclet number lies in a range, and the limits of its run."""
    length, velocity = _even(n, 10, 40), _even(n, 4, 12)
    settings = {
        "length": f"{length} cm", "velocity": f"{velocity} cm/h",
        "dispersion": f"{length * velocity / _log(n, *peclet):.3g} cm**2/h",
    }  # fmt: skip
    limits = [
        f"velocity={velocity / 3:.2g}..{velocity * 2:.2g} cm/h", f"duration<={n.randrange(12, 60)} h",
        f"samples<={n.randrange(10, 31)}", f"interval>={n.choice([5, 10, 20])} min",
    ]  # fmt: skip
    return settings, limits


def _design_column(kind: str, n: random.Random) -> Request:
    settings, limits = _column(n, (10.0, 300.0))
    return _designed(kind, "column", settings, limits, f"dispersion={_even(n, 3, 15)}%", noise=f"{_even(n, 0.5, 2)}%")


def _design_two_regions(kind: str, n: random.Random) -> Request:
    settings, limits = _column(n, (10.0, 200.0))
    settings |= {"mobile_fraction": f"{_even(n, 0.5, 0.9)}", "exchange": f"{_log(n, 0.3, 5)}"}
    return _designed(kind, "column", settings, limits, f"dispersion={_even(n, 5, 20)}%", noise=f"{_even(n, 0.5, 2)}%")


def _design_freundlich(kind: str, n: random.Random) -> Request:
    """What a calibration left known to a tenth or two is designed for anew; half of them feed a step only."""
    settings, limits = _column(n, (30.0, 90.0))
    settings |= {
        "isotherm": "freundlich", "porosity": "0.4", "bulk_density": "1.6 g/cm**3", "feed_concentration": "10 mg/L",
        "freundlich_exponent": f"{_even(n, 0.6, 0.8)}", "freundlich_coefficient": f"{_log(n, 0.1, 0.8)} L/kg",
    }  # fmt: skip
    if n.random() < 0.5:
        settings["input"] = "step"
    spreads = {"dispersion": f"{n.randrange(8, 26)}%", "velocity": "5%"}
    return _designed(kind, "column", settings, limits, f"dispersion={_even(n, 4, 15)}%", noise="1%", spreads=spreads)


def _design_flash(kind: str, n: random.Random) -> Request:
    settings = {
        "thickness": f"{_even(n, 1.5, 3)} mm", "diffusivity": f"{_even(n, 4, 20)} mm**2/s",
        "biot": f"{_log(n, 0.02, 0.3)}", "pulse": "square",
    }  # fmt: skip
    limits = ["pulse_width=0.5..5 ms", f"samples<={n.randrange(40, 200)}"]
    return _designed(kind, "flash", settings, limits, f"diffusivity={_even(n, 1, 4)}%")


def _design_convection(kind: str, n: random.Random) -> Request:
    settings = {"rayleigh": f"{_log(n, 5000, 8000)}", "prandtl": f"{_log(n, 2, 10)}"}
    limits = [f"rayleigh={_log(n, 2500, 3500)}, {_log(n, 5000, 9000)}, 15000", "samples<=12", "duration<=2"]
    return _designed(kind, "convection", settings, limits, f"prandtl={_even(n, 5, 20)}%", spreads={"prandtl": "30%"})


_KINDS: dict[str, Callable[[str, random.Random], Request]] = {
    "plan column": _plan_column,
    "plan flash": _plan_flash,
    "plan convection": _plan_convection,
    "design column": _design_column,
    "design two regions": _design_two_regions,
    "design freundlich": _design_freundlich,
    "design flash": _design_flash,
    "design convection": _design_convection,
}
