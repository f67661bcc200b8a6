"""The boundary of two patterns in words: every number stays a reference until the plan is rendered."""

from __future__ import annotations

from tools.records import Outline, Section

_HEADLINE = (
    "**[First] and [second] are separated by the kill rate**: at a feed rate of {feed_[middle]}, [first] up to a kill "
    "rate of {last_[middle]} and [second] from {next_[middle]} on. The boundary is known within {precision_boundary} "
    "of the kill rate; {asked_precision} was asked. **Run [first] for {run_[first]} and [second] for {run_[second]} "
    "reaction times.**"
)
_ROW = "feed {feed_[i]}: [first] up to kill {last_[i]}, [second] from {next_[i]}"
_SETTINGS = (
    "to show [first]: feed {feed_[first]}, kill {kill_[first]}; they are seen after {clear_[first]} and rest within "
    "{run_[first]}",
    "to show [second]: feed {feed_[second]}, kill {kill_[second]}; they are seen after {clear_[second]} and rest "
    "within {run_[second]}",
    "expected wavelengths: [first] {wavelength_[first]} ({wavelength_[first].lower} to {wavelength_[first].upper}), "
    "[second] {wavelength_[second]} ({wavelength_[second].lower} to {wavelength_[second].upper})",
    "start each run from a few local perturbations of the uniform, fed state",
)
_UNITS = (
    "rates are over the rate constant of the autocatalysis times the square of the feed concentration, and times over "
    "its inverse",
    "diffusivities {diffusion_a} of the fed species and {diffusion_b} of the autocatalyst, in a square of side {size}; "
    "lengths scale with the square root of the diffusivity",
    "{squares} runs stand behind the boundary; higher kill rates than those of spots wash the autocatalyst out",
)


def outline(first: str, second: str, count: int) -> Outline:
    """Return the plan in words."""
    words = {"first": first, "First": first.capitalize(), "second": second, "middle": str(count // 2)}
    rows = [_filled(_ROW, {**words, "i": str(index)}) for index in range(count)]
    return Outline(
        headline=_filled(_HEADLINE, words),
        sections=(
            Section(title="Settings", lines=tuple(_filled(line, words) for line in _SETTINGS)),
            Section(title="The boundary", note="feed and kill rates", lines=tuple(rows)),
            Section(title="Units", lines=tuple(_filled(line, words) for line in _UNITS)),
        ),
    )


def _filled(template: str, words: dict[str, str]) -> str:
    for name, word in words.items():
        template = template.replace(f"[{name}]", word)
    return template
