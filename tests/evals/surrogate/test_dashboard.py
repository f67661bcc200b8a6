"""The page of the surrogate: whole without anything measured, and with all of it."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
import torch

from evals.surrogate.cases import DIFFERENCE, FIELD, picture
from evals.surrogate.dashboard import MADE_BY, page, result_page
from evals.surrogate.records import Case, ChannelErrors, ErrorCurve, Records, Spectrum, Speed, write
from evals.surrogate.reliability import LEVELS, reliability, risk
from tools.predictions import Tally

SECTIONS = ("table", "errors", "reliability", "abstention", "fallback", "spectra", "cases", "speed")


def rows(**errors):
    return [
        {"dataset": name, "horizon": horizon, "model": model, "seed": seed, "vrmse": error * (1 + seed / 10),
         "parameters": 1_000_000, "cpu_minutes": 12.0}
        for name in ("burgers", "convection") for horizon in ("step", "rollout")
        for model, error in errors.items() for seed in (0, 1)
    ]  # fmt: skip


RESULT = {
    "version": 1, "seed": 0, "date": "2026-01-02", "commit": "abc",
    "rows": rows(ours=0.05, fno=0.1, without_film=0.07),
    "options": rows(base=0.06, solver_in_the_loop=0.03), "memories": rows(one_frame=0.4, fading_memory=0.08),
    "summary": {"mean_ratio": 0.5, "coverage_in": 0.901, "coverage_out": 0.7, "abstained": 0.93, "speedup": None},
}  # fmt: skip


class Outline(HTMLParser):
    """What stands in a page: ids, sources and references, alternative texts, and tags left open."""

    VOID = ("meta", "img", "br", "line", "path", "use")
    IMPLIED = ("tr", "th", "td", "li", "p", "html")

    def __init__(self):
        super().__init__()
        self.ids, self.outside, self.silent, self.open, self.missing = [], [], [], [], 0

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids += [given["id"]] if "id" in given else []
        self.outside += [
            given[key] for key in ("src", "href", "xlink:href") if not given.get(key, "#").startswith(("#", "data:"))
        ]
        self.missing += given.get("class") == "missing"
        if (tag == "img" and not given.get("alt")) or (tag == "svg" and not {"aria-label", "aria-hidden"} & set(given)):
            self.silent.append(given)
        if tag not in self.VOID + self.IMPLIED:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in self.VOID + self.IMPLIED:
            assert self.open.pop() == tag


def outline(text):
    found = Outline()
    found.feed(text)
    found.close()
    assert not found.open
    return found


def case(regime, **given):
    about = {"split": "within", "rank": "worst", "run": 3, "time": 0.4, "time_unit": "", "vrmse": 0.2, "mean": 0.1}
    said = {"settings": {"viscosity": (0.01, "m**2/s")}, "doubts": ("<far>",)}
    return Case(regime=regime, channel="velocity_x", unit="m/s", **about, **said, **given)


@pytest.fixture(scope="module")
def records():
    torch.manual_seed(0)
    field = torch.rand(6, 4)
    radii = torch.linspace(0.5, 1.0, len(LEVELS))
    scores, flagged = torch.rand(40), torch.rand(40) > 0.7
    curve = {"regime": "burgers", "runs": 4, "time_unit": "", "times": (0.1, 0.2), "low": (0.1, 0.2),
             "median": (0.2, 0.4), "high": (0.5, None)}  # fmt: skip
    return Records(
        errors=tuple(ErrorCurve(horizon=horizon, split=split, **curve)
                     for horizon, split in (("step", "within"), ("rollout", "within"), ("rollout", "beyond"))),
        channels=(ChannelErrors(regime="burgers", horizon="rollout", split="within", channel="velocity", unit="",
                                rmse=0.1, nrmse=0.2, conserved=1e-9, largest=None, boundary=0.1,
                                bands=(0.1, 0.01, 0.001)),),
        reliability=(reliability("burgers", "within", scores, radii, widths=torch.rand(9)),
                     reliability("burgers", "beyond", scores + 0.2, radii, widths=torch.full((9,), torch.inf))),
        risk=(risk("burgers", "within", scores, scores, flagged, scores > 0.9),),
        spectra=(Spectrum(regime="burgers", field="velocity", unit="(m/s)**2", time=0.1, time_unit="s",
                          true=(0.0, 1.0, 0.1, 0.0), predicted=(0.0, 1.0, 0.2, 0.01)),),
        cases=(case("burgers", axes=("x (m)",), places=(0.0, 1.0), truth=(0.0, 1.0), predicted=(0.1, None)),
               case("convection", axes=("x", "z"), proportion=1.5, pictures=(
                   picture("truth", field, 0.0, 1.0, FIELD), picture("difference", field, -1.0, 1.0, DIFFERENCE)))),
        speed=(Speed(regime="burgers", batch=64, surrogate=1e-4, solver=0.02, coarse=2, error=0.1, solver_error=0.09,
                     ratio=200.0, answers="surrogate"),),
    )  # fmt: skip


@pytest.fixture(scope="module")
def made(records, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    tally = Tally(folder / "predictions.jsonl")
    tally.add("convection", "s", "surrogate", [], {"predict": 0.001}, 1.5)
    tally.add("convection", "s", "solver", ["range"], {"solve": 1.0}, 0.0)
    return result_page(RESULT, tally.path, write(folder / "figures.json", records))


def test_a_page_of_nothing_says_of_every_section_what_makes_it():
    text = page(Records())
    found = outline(text)
    assert [name for name in found.ids if name in SECTIONS] == list(SECTIONS)
    assert found.missing == len(SECTIONS) + 1
    for command in {command for commands in MADE_BY.values() for command in commands}:
        assert f"<code>{command}</code>" in text
    assert "<img" not in text


def test_a_page_needs_nothing_from_elsewhere_and_tells_its_figures_to_all(made):
    found = outline(made)
    assert found.outside == ["https://arxiv.org/abs/2210.07182"]
    assert not found.silent
    assert not found.missing
    assert "<script" not in made
    assert "url(http" not in made
    assert "@import" not in made
    assert len(set(found.ids)) == len(found.ids)


def test_the_summary_is_judged_and_the_table_rounded(made):
    assert re.search(r"<strong>0\.500</strong>.*?<span class=\"pass\">holds: at most 0\.54", made, re.DOTALL)
    assert re.search(r"<strong>93\.0 %</strong>.*?<span class=\"fail\">misses: at least 95 %", made, re.DOTALL)
    assert "times faster than a solver that is no better, batches" not in made
    assert "0.0525 ± 0.0035" in made
    for model in ("without FiLM", "as it ships", "solver in the loop", "fading memory"):
        assert model in made


def test_words_of_records_are_escaped_and_units_spelled(made):
    assert "&lt;far&gt;" in made
    assert "<far>" not in made
    assert "m²/s" in made
    assert "1.0·10⁻⁹" in made


def test_who_answered_comes_from_the_tally(made):
    assert 'aria-label="1 by the surrogate, 1 by the solver"' in made
    assert "range (1)" in made
    assert "1.50 s" in made


def test_figures_are_sound_and_take_their_colours_from_the_page(made):
    figures = re.findall(r"<svg role.*?</svg>", made, re.DOTALL)
    assert len(figures) == 9
    for text in figures:
        root = ElementTree.fromstring(text)  # noqa: S314 - our own text
        assert root.get("aria-label")
        assert not re.search(r"(?:fill|stroke): #(?!fff)", text)
        used = set(re.findall(r'xlink:href="#(\w+)"|url\(#(\w+)\)', text))
        assert {a or b for a, b in used} <= set(re.findall(r' id="(\w+)"', text))
    defined = set(re.findall(r"(--\w+):", made))
    assert set(re.findall(r"var\((--\w+)\)", made)) <= defined
