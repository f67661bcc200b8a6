"""What measurement would separate parameters that one curve leaves entangled.

The curves depend on these parameters in groups that follow from the equations: a column's on v/R and D/R, on v/x; a
disc's on a/l^2; a reactor's on D/L^2; an instrument's scale and delay stand for the source's and the transport's.
"""

from __future__ import annotations

from collections.abc import Sequence

ADVICE: tuple[tuple[frozenset[str], str], ...] = tuple(
    (frozenset(names.split()), sentence)
    for names, sentence in (
        (
            "velocity retardation",
            "Add a tracer that does not sorb, whose retardation is 1, to the sorbing one: it gives the velocity.",
        ),
        (
            "dispersion retardation",
            "Add a tracer that does not sorb, whose retardation is 1, to the sorbing one: it gives the dispersion.",
        ),
        ("mobile_fraction exchange", "Stop the flow for a while and go on, or run at a second velocity."),
        ("retardation mobile_fraction", "Add a tracer that does not sorb, or run at a second velocity."),
        ("dispersion exchange", "Run at a second velocity: dispersion grows with it, the exchange rate does not."),
        ("dispersion mobile_fraction", "Run at a second velocity, or measure the tail for longer."),
        ("velocity delay", "Measure the dead volume without the column, or add a sensor at a second depth."),
        ("retardation delay", "Measure the dead volume without the column, or add a sensor at a second depth."),
        ("velocity position", "Measure the depth of the sensor, or add one at a second depth."),
        ("velocity length", "Measure the length of the bed."),
        ("decay gain", "Calibrate the sensor in the feed itself, or add a tracer that does not decay."),
        ("decay retardation", "Add a sensor at a second depth, or run at a second velocity."),
        (
            "freundlich_coefficient freundlich_exponent",
            "Run at a second feed concentration: the exponent is what changes with it.",
        ),
        ("velocity freundlich_coefficient", "Add a tracer that does not sorb: it gives the velocity."),
        ("diffusivity thickness", "Measure the thickness with a micrometer."),
        ("diffusivity delay", "Record the light pulse itself, whose middle is time zero."),
        ("diffusivity biot", "Record for longer, to ten half-rise times, so that the loss shows in the decay."),
        ("amplitude gain", "Fix one of the two: both scale the curve."),
        ("amplitude pulse_energy", "Measure the pulse's energy, or calibrate the detector."),
        ("biot drift", "Record for longer, or record the baseline before the pulse to know the drift."),
        ("biot baseline", "Record the baseline before the pulse."),
        ("pulse_energy heat_capacity", "Measure the energy of the pulse, or a reference sample beside."),
        ("density heat_capacity", "Weigh and measure the sample: only the product shows in the curve."),
        ("rayleigh prandtl", "Record the growth from rest, on which they act differently, or look up the fluid."),
        ("viscosity thermal_diffusivity", "Look up one of them, or run at a second temperature difference."),
        ("expansion viscosity", "Measure the viscosity of the fluid by itself."),
        ("diffusion_a size", "Measure the size: only diffusion over its square shows in the curve."),
        ("diffusion_b size", "Measure the size: only diffusion over its square shows in the curve."),
        ("feed kill", "Record the start as well as the steady state, or measure the feed rate by itself."),
        ("baseline gain", "Record until the curve stands at both its ends."),
    )
)


def advise(names: Sequence[str]) -> str:
    """Return what would separate the parameters `names`, which may carry a data set in brackets; "" if unknown."""
    entangled = {name.partition("[")[0] for name in names}
    return next((sentence for pair, sentence in ADVICE if pair <= entangled), "")
