"""A laser flash in words: every number stays a reference until the plan is rendered."""

from __future__ import annotations

from collections.abc import Sequence

from tools.records import Outline, Section

_HEADLINE = (
    "**Flash the [material] disc with {pulse_energy} in a pulse of {pulse_width}, record {record_length} and average "
    "{shots} shots.** The diffusivity is then expected within {precision_diffusivity} (at {precision_level} "
    "confidence, at the worst of what the prior admits; {nominal_precision} where the material is as expected); "
    "{asked_precision} was asked. The rear warms by at most {rear_rise}; {most_rise} was allowed."
)
_SETTINGS = (
    "disc {thickness} thick, its faces coated so that they take up the whole pulse",
    "pulse of {pulse_energy} within {pulse_width}, over the whole face of {spot_diameter}",
    "read the rear at {sampling_rate}, from {before} before the pulse to {record_length} after it",
    "{shots} shots with {rest} of rest between them, {duration} in all",
    "expected half-rise time {half_time} ({half_time.lower} to {half_time.upper}, {level} interval)",
    "during the pulse the front warms by up to {front_rise}",
    "fit diffusivity, loss, amplitude and baseline together; with any number of shots the thickness and the pulse "
    "leave {floor_precision}",
)


def outline(times: Sequence[str], material: str) -> Outline:
    """Return the plan in words; `times` are the facts of the times at which the expected curve is written."""
    rows = []
    for key in times:
        rise = key.replace("time_", "rise_")
        rows.append(f"{{{key}}}: {{{rise}}} ({{{rise}.lower}} to {{{rise}.upper}})")
    return Outline(
        headline=_HEADLINE.replace("[material]", material),
        sections=(
            Section(title="Settings", lines=_SETTINGS),
            Section(title="Expected rise of the rear", note="time after the pulse: kelvin", lines=tuple(rows)),
        ),
    )
