"""A search for the onset of convection in words: every number stays a reference until the plan is rendered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from physics.equations.boussinesq.fluids import Fluid
from tools.records import Fact, Outline, Section

_HEADLINE = (
    "**Expect convection to start at a temperature difference of {onset_difference}** ({onset_difference.lower} to "
    "{onset_difference.upper} by what is known of the fluid, at {onset_level} confidence). Search it in steps of "
    "{step} and **wait {waiting_time} at each**: the onset is then known within {precision_onset}; {asked_precision} "
    "was asked."
)
_SETTINGS = (
    "a layer of [fluid], {depth} deep, between plates that hold it (Prandtl number {prandtl})",
    "it starts to convect at a Rayleigh number of {rayleigh_critical}; heat diffuses across it in {diffusion_time}",
    "{above} above onset a disturbance grows by a factor of e in {growth_time}, and the heat flux is in the end "
    "{flux_rise} above that of conduction",
    "hold the plates' temperatures within {stability_needed}, well inside a step",
    "the whole search takes {duration} for {steps} steps",
)
_ALTERNATIVES = (
    "faster: go each time to the middle of the interval left, up after rest and down after flow; {halvings} waits, "
    "{halving_duration}",
    "easier to hold: a layer {shallow_depth} deep starts at {shallow_onset} and needs {shallow_waiting} at each step",
)
MOST_LISTED = 16


def outline(facts: Mapping[str, Fact], steps: Sequence[str], fluid: Fluid) -> Outline:
    """Return the plan in words."""
    name = "silicone oil of {viscosity}" if fluid.oil else fluid.name
    listed = [f"{{{key}}}" for key in steps]
    if len(listed) > MOST_LISTED:
        listed = [f"every {{step}} from {{{steps[0]}}} to {{{steps[-1]}}}"]
    return Outline(
        headline=_HEADLINE,
        sections=(
            Section(title="Settings", lines=tuple(line.replace("[fluid]", name) for line in _SETTINGS)),
            Section(
                title="Hold at",
                note="temperature difference of the plates, rising, {waiting_time} each",
                lines=tuple(listed),
                joined=True,
            ),
        ),
        alternatives=_ALTERNATIVES,
    )
