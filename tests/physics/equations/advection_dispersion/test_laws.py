"""The laws of a column refuse planted violations and leave sound runs alone."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from physics.experiments.column import EXPERIMENT, complete, default_times, simulate
from physics.series import Series
from physics.solution import Output
from physics.validate.law import broken, validate

TOLERANCE = 1e-5
BATCH = 17
Outputs = dict[str, Output]


def _settings(seed: int, **more: object) -> dict[str, object]:
    make = torch.Generator().manual_seed(seed)
    peclet = 5.0 * 60.0 ** torch.rand(BATCH, generator=make, dtype=torch.float64)
    return complete({"length": 1.0, "velocity": 1.0, "dispersion": 1.0 / peclet, "retardation": 1.5, **more})


def _run(settings: dict[str, object]) -> Outputs:
    slowest = settings | {"dispersion": settings["dispersion"].max()}  # type: ignore[attr-defined]
    return simulate(settings, default_times(slowest, 161), tolerance=TOLERANCE).require().outputs


def _planted(outputs: Outputs, seed: int) -> Iterator[tuple[str, Outputs]]:
    """Mass lost, a flux turned round, an overshoot, a dip, a late front, ringing: 2 to 8 per cent each."""
    make = torch.Generator().manual_seed(seed)
    size = 0.02 + 0.06 * torch.rand(BATCH, 1, generator=make, dtype=torch.float64)
    curve = outputs["concentration"].values
    phase = torch.linspace(0, 1, curve.shape[1], dtype=torch.float64)
    where = 0.2 + 0.7 * torch.rand(BATCH, 1, generator=make, dtype=torch.float64)
    bump = torch.exp(-(((phase - where) / 0.04) ** 2))
    changed = {
        "mass lost": ("concentration", curve * (1 - size)),
        "overshoot": ("concentration", curve + size * bump),
        "dip": ("concentration", curve - size * bump),
        "late": ("concentration", torch.cat([curve[:, :1].expand(-1, 5), curve[:, :-5]], 1)),
        "ringing": ("concentration", curve + 0.2 * size * torch.sin(160 * phase)),
        "store lost": ("storage", outputs["storage"].values * (1 - size)),
        "outflow lost": ("outflow", outputs["outflow"].values * (1 - size)),
        "outflow turned": ("outflow", -outputs["outflow"].values),
    }
    for what, (name, values) in changed.items():
        yield what, outputs | {name: replace(outputs[name], values=values)}
    if float(outputs["inflow"].values.max()) > 0:
        yield "inflow turned", outputs | {"inflow": replace(outputs["inflow"], values=-outputs["inflow"].values)}


KINDS = {
    "step": {},
    "decay": {"decay": 0.3},
    "pulse": {"input": "pulse", "pulse_duration": 0.8},
    "leach": {"input": "leach"},
    "held": {"inlet": "first-type"},
    "open": {"outlet": "semi-infinite", "reading": "flux"},
    "inside": {"position": 0.6},
}


def test_planted_violations_are_caught_and_sound_runs_are_not() -> None:
    """1,000 and more corrupted outputs, at least 99 in 100 caught; at most 1 in 100 sound runs refused."""
    refused = caught = planted = 0
    for seed, more in enumerate(KINDS.values()):
        settings = _settings(seed, **more)
        outputs = _run(settings)
        sound = torch.stack(list(broken(EXPERIMENT.laws, settings, outputs, tolerance=TOLERANCE).values())).any(0)
        refused += int(sound.sum())
        for _, corrupted in _planted(outputs, seed):
            found = broken(EXPERIMENT.laws, settings, corrupted, tolerance=TOLERANCE)
            caught += int(torch.stack(list(found.values())).any(0).sum())
            planted += BATCH
    assert planted >= 1000
    assert refused <= 0.01 * BATCH * len(KINDS)
    assert caught >= 0.99 * planted


OTHERS = {
    "regions": {"mobile_fraction": 0.6, "exchange": 1.5},
    "measured": {"input": Series((0.0, 0.5, 1.5), (0.3, 1.0, 0.0))},
    "sensors": {"position": (0.4, 1.0), "decay": 0.2},
    "regions leached": {"mobile_fraction": 0.6, "exchange": 1.5, "input": "leach", "decay": 0.2},
}


@pytest.mark.parametrize("more", list(OTHERS.values()), ids=list(OTHERS))
def test_sound_runs_of_other_kinds_keep_every_law(more: dict) -> None:
    settings = _settings(3, **more)
    outputs = _run(settings)
    verdicts = validate(EXPERIMENT.laws, settings, outputs, tolerance=TOLERANCE)
    assert all(verdict.ok for verdict in verdicts), [verdict for verdict in verdicts if not verdict.ok]
    lost = outputs | {"concentration": replace(outputs["concentration"], values=0.97 * outputs["concentration"].values)}
    found = broken(EXPERIMENT.laws, settings, lost, tolerance=TOLERANCE)
    assert torch.stack(list(found.values())).any(0).all()


def test_a_freundlich_column_is_judged() -> None:
    settings = EXPERIMENT.read({
        "length": "30 cm", "velocity": "10 cm/h", "dispersion": "5 cm**2/h", "isotherm": "freundlich",
        "porosity": "0.4",
        "bulk_density": "1.6 g/cm**3", "freundlich_coefficient": "0.3 L/kg", "freundlich_exponent": "0.8",
        "feed_concentration": "10 mg/L",
    })  # fmt: skip
    outputs = simulate(settings, default_times(settings, 161), tolerance=1e-4).require().outputs
    verdicts = validate(EXPERIMENT.laws, settings, outputs, tolerance=1e-4)
    assert all(verdict.ok for verdict in verdicts), [verdict for verdict in verdicts if not verdict.ok]
    for name in ("concentration", "storage", "outflow", "inflow"):
        lost = outputs | {name: replace(outputs[name], values=0.97 * outputs[name].values)}
        assert not all(verdict.ok for verdict in validate(EXPERIMENT.laws, settings, lost, tolerance=1e-4))


def test_a_surrogate_that_gives_the_curve_alone_is_judged_by_it() -> None:
    settings = _settings(0)
    curve = _run(settings)["concentration"]
    for factor, kept in ((1.0, True), (0.97, False)):
        outputs = {"concentration": replace(curve, values=factor * curve.values)}
        verdicts = validate(EXPERIMENT.laws, settings, outputs, tolerance=1e-3)
        assert all(verdict.ok for verdict in verdicts) is kept
