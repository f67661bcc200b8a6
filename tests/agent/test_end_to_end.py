"""The whole path on real parts: corpus, index, solver, and the language model where the test is marked so."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.model.fetch import fetch
from tests.curves import column_file

ROOT = Path(__file__).resolve().parents[2]
REQUEST = (
    "I have a 30 cm sand column, 5 cm in diameter, porosity about 0.38, a bromide tracer and a pump from 0.5 to "
    "10 mL/min. I want the dispersion coefficient within 5 % in one working day. How should I run it and when should "
    "I sample?"
)
SAND = ROOT.parent / "shared" / "data" / "column" / "sand_step_11cm.csv"
NEXT = "what should I measure next to pin down dispersion?"
Call = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def labwright(tmp_path_factory: pytest.TempPathFactory) -> Call:
    """Run the console script in processes of their own, all with one home."""
    home = tmp_path_factory.mktemp("home")

    def call(
        *arguments: str, model: str = "none", said: str | None = None, **more: str
    ) -> subprocess.CompletedProcess[str]:
        chosen = {"LABWRIGHT_HOME": str(home), "LABWRIGHT_MODEL": model, "HF_HUB_OFFLINE": "1", **more}
        command = [sys.executable, "-m", "agent", *arguments]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=300,
            cwd=ROOT,
            env={**os.environ, **chosen},
            check=False,
            input=said,
        )

    return call


def answer(ended: subprocess.CompletedProcess[str], status: int) -> dict[str, Any]:
    assert ended.returncode == status, ended.stderr
    assert "Traceback" not in ended.stderr
    return dict(json.loads(ended.stdout))


def check_plan(plan: dict[str, Any]) -> None:
    """Hold a plan for the column against the contract and against itself, without the gate's code."""
    check_shown(plan)
    settings = {row["name"]: row["value"] for row in plan["settings"]}
    assert 0.5 <= settings["flow"] <= 10
    assert settings["duration"] <= 8
    times = [row["value"] for row in plan["schedule"]]
    assert times == sorted(times)
    assert len(times) >= 5
    precision = next(row for row in plan["predictions"] if row["fact"] == "precision_dispersion")
    assert 0 < precision["value"] <= 5
    curve = [row for row in plan["predictions"] if row["name"] == "concentration"]
    assert len(curve) == len(times)


def check_shown(plan: dict[str, Any]) -> None:
    """Hold any plan against the contract and its documents."""
    assert plan["status"] == "recommended"
    assert plan["checks"]
    assert all(check["status"] in ("pass", "not applicable") for check in plan["checks"])
    assert {"conservation", "constraint", "grounding", "units"} <= {check["kind"] for check in plan["checks"]}
    assert len(plan["citations"]) >= 3
    for citation in plan["citations"]:
        text = (ROOT / "corpora/documents" / citation["document"] / "text.md").read_text()
        assert text[citation["start"] : citation["end"]] == citation["quote"]
    bounded = [row for row in plan["predictions"] if row["lower"] is not None]
    assert bounded
    assert all(row["lower"] <= row["value"] <= row["upper"] for row in bounded)
    assert {fact["id"] for fact in plan["facts"]} >= {row["fact"] for row in plan["predictions"]}


def test_a_plan_without_a_language_model(labwright: Call) -> None:
    plan = answer(labwright("plan", REQUEST, "--json"), 0)
    check_plan(plan)
    assert plan["model"] == "none"
    assert "No language model took part" in plan["text"]


@pytest.mark.model
def test_a_plan_with_the_language_model(labwright: Call) -> None:
    fetch()
    plan = answer(labwright("plan", REQUEST, "--json", model="1.5b"), 0)
    check_plan(plan)
    assert plan["model"] != "none"
    assert set(plan["seconds"]) >= {"model", "solver", "total"}


@pytest.mark.model
def test_a_plan_is_the_same_with_the_surrogate_and_without(labwright: Call) -> None:
    fetch()
    aided, alone = (
        answer(labwright("plan", REQUEST, flag, "--json", model="1.5b"), 0)
        for flag in ("--surrogate", "--no-surrogate")
    )
    check_plan(aided)
    assert aided["model"] != "none"
    assert aided["settings"] == alone["settings"]
    assert aided["schedule"] == alone["schedule"]


@pytest.mark.model
def test_an_answer_with_the_language_model(labwright: Call) -> None:
    fetch()
    found = answer(labwright("ask", "Why is a column wetted slowly from below?", "--json", model="1.5b"), 0)
    assert found["status"] == "answered"
    assert found["citations"]
    assert any("packing" in citation["document"] for citation in found["citations"])


def test_a_thread_goes_on_in_another_process(labwright: Call) -> None:
    request = REQUEST.replace("a 30 cm sand column", "a sand column")
    first = answer(labwright("plan", request, "--json"), 3)
    assert first["status"] == "needs_input"
    assert "long" in first["question"]
    second = answer(labwright("plan", "30 cm", "--thread", first["thread"], "--json"), 0)
    check_plan(second)
    assert second["thread"] == first["thread"]


@pytest.mark.parametrize(
    ("request_text", "status"),
    [("What is the capital of France?", "withheld"), ("I want to measure something precisely.", None)],
)
def test_a_request_outside_the_field_or_without_an_experiment(
    labwright: Call, request_text: str, status: str | None
) -> None:
    ended = labwright("plan", request_text, "--json")
    found = answer(ended, 3)
    assert found["status"] == status if status else found["status"] in ("withheld", "needs_input")
    assert not found["text"]
    assert sum(line.startswith("labwright: ") for line in ended.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "request_text",
    [REQUEST.replace("30 cm", "0 cm"), REQUEST.replace("0.38", "1.38"), "", "   ", "x" * 5000],
)
def test_a_request_that_cannot_be_worked_on(labwright: Call, request_text: str) -> None:
    ended = labwright("plan", request_text, "--json")
    assert answer(ended, 2)["status"] == "bad_input"
    assert sum(line.startswith("labwright: ") for line in ended.stderr.splitlines()) == 1


def test_what_cannot_be_reached_is_withheld_with_what_would_help(labwright: Call) -> None:
    found = answer(labwright("plan", REQUEST.replace("5 % in", "0.2 % in"), "--json"), 3)
    assert found["status"] == "withheld"
    assert "what would help" in found["reason"]
    assert not found["settings"]


def test_a_report_of_the_plan(labwright: Call, tmp_path: Path) -> None:
    run = next(r for r in answer(labwright("runs", "--json"), 0)["runs"] if r["status"] == "recommended")["run"]
    target = tmp_path / "plan.html"
    assert answer(labwright("report", run, "-o", str(target), "--json"), 0)["file"] == str(target)
    page = target.read_text()
    for expected in ("<svg", "Sampling times", "interval", "Checks", "Sources", "<blockquote>"):
        assert expected in page
    assert "http-equiv" not in page
    assert "<script" not in page


def test_the_corpus_can_be_listed_searched_and_verified(labwright: Call) -> None:
    listed = answer(labwright("corpus", "list", "--json"), 0)
    assert len(listed["documents"]) >= 15
    assert answer(labwright("corpus", "verify", "--json"), 0)["status"] == "pass"
    hits = answer(labwright("corpus", "search", "trapped air in the packing", "--json"), 0)["hits"]
    assert hits[0]["document"] == "packing-and-saturation"


def test_the_doctor_finds_everything(labwright: Call) -> None:
    items = {item["name"]: item for item in answer(labwright("doctor", "--json"), 0)["items"]}
    assert items["corpus"]["status"] == "fine"
    assert items["device"]["found"]


@pytest.mark.parametrize(
    ("name", "value"), [("LABWRIGHT_MODEL", "gpt"), ("LABWRIGHT_INDEX_WAIT", "soon"), ("LABWRIGHT_DEVICE", "tpu9")]
)
def test_wrong_settings_are_named(labwright: Call, name: str, value: str) -> None:
    ended = labwright("plan", REQUEST, **({"model": value} if name == "LABWRIGHT_MODEL" else {name: value}))
    assert ended.returncode in (2, 3)
    assert "Traceback" not in ended.stderr
    assert value in ended.stderr


LABORATORY = {
    "convection": (
        "At which temperature difference does a 10 mm layer of 10 cSt silicone oil start to convect, and how long must "
        "I wait at each step to find the onset within 2 %?",
        {"step": "mK", "waiting_time": "h"},
    ),
    "flash": (
        "My steel disc is 2 mm thick; how should I run the flash so that the diffusivity is good to 2 % and the sample "
        "warms less than 3 K?",
        {"pulse_energy": "J", "record_length": "s", "shots": ""},
    ),
    "gray_scott": (
        "Which feed and kill rates separate spots from worms, and how long do I run each?",
        {"kill of spots": "", "kill of worms": ""},
    ),
}


@pytest.mark.model
@pytest.mark.parametrize("experiment", LABORATORY)
def test_a_plan_of_the_laboratory_with_the_language_model(labwright: Call, experiment: str) -> None:
    fetch("1.5b")
    request, expected = LABORATORY[experiment]
    plan = answer(labwright("plan", request, "--json", model="1.5b"), 0)
    check_shown(plan)
    assert plan["experiment"] == experiment
    units = {row["name"]: row["unit"] for row in plan["settings"]}
    assert expected.items() <= units.items()
    assert plan["schedule"]
    assert plan["curve"]["values"]


def check_next(plan: dict[str, Any]) -> None:
    """Hold a plan that follows a measured curve against that curve."""
    check_shown(plan)
    facts = {fact["id"]: fact for fact in plan["facts"]}
    assert facts["precision_dispersion"]["value"] < facts["past_precision_dispersion"]["value"]
    assert facts["past_dispersion"]["source"]["tool"] == "calibrate"
    assert facts["past_dispersion"]["lower"] < facts["past_dispersion"]["value"] < facts["past_dispersion"]["upper"]
    times = [row["value"] for row in plan["schedule"]]
    assert times == sorted(times)
    assert len(times) <= plan["calibration"]["files"][0]["n"]
    assert "What the data say" in plan["text"]


def test_the_next_run_after_a_measured_curve(labwright: Call, tmp_path: Path) -> None:
    run = column_file(tmp_path / "run.csv", seed=2)
    check_next(answer(labwright("plan", "--data", str(run), NEXT, "--json"), 0))


@pytest.mark.model
@pytest.mark.skipif(not SAND.is_file(), reason="the measured data are not beside the project")
@pytest.mark.parametrize("request_text", [NEXT, "Here is yesterday's curve. What next?"])
def test_the_next_run_after_the_sand_column_with_the_language_model(labwright: Call, request_text: str) -> None:
    fetch()
    plan = answer(labwright("plan", "--data", str(SAND), request_text, "--json", model="1.5b"), 0)
    check_next(plan)
    facts = {fact["id"]: fact["value"] for fact in plan["facts"]}
    assert facts["past_velocity"] == pytest.approx(2.4515, rel=3e-3)
    assert facts["past_dispersion"] == pytest.approx(0.1540, rel=3e-3)
    assert plan["model"] != "none"


def test_data_that_cannot_be_used_end_in_one_line(labwright: Call, tmp_path: Path) -> None:
    pattern = tmp_path / "pattern.csv"
    pattern.write_text("time_s,mean_b\n1,0.9\n2,0.8\n3,0.7\n4,0.7\n")
    broken = tmp_path / "broken.csv"
    broken.write_text("time_h,relative_concentration\n1,0\n2,much\n")
    for path, told in ((tmp_path / "none.csv", "no such file"), (broken, "line 3"), (pattern, "cannot use measured")):
        ended = labwright("plan", "--data", str(path), "what next?", "--json")
        assert told in answer(ended, 2)["reason"]
        assert sum(line.startswith("labwright: ") for line in ended.stderr.splitlines()) == 1


def test_a_conversation_by_script(labwright: Call, tmp_path: Path) -> None:
    run = column_file(tmp_path / "run.csv", seed=2)
    said = f"/data {run}\nhere is yesterday's curve; what should I do next?\n/data none.csv\n/quit\nnever read\n"
    ended = labwright("chat", "--thread", "talk", "--json", said=said)
    assert ended.returncode == 0, ended.stderr
    turns = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [turn["status"] for turn in turns] == ["noted", "recommended", "bad_input"]
    check_next(turns[1])
    again = labwright("chat", "--thread", "talk", "--json", said="how do I get dispersion to 1.5 % next?\n")
    (more,) = [json.loads(line) for line in again.stdout.splitlines()]
    assert more["calibration"]["files"][0]["file"] == str(run)


@pytest.mark.model
def test_a_turn_of_a_conversation_with_the_language_model(labwright: Call, tmp_path: Path) -> None:
    fetch()
    run = column_file(tmp_path / "run.csv", seed=2)
    said = f"here is yesterday's curve, {run}; what should I do next?\n"
    ended = labwright("chat", "--json", model="1.5b", said=said)
    check_next(json.loads(ended.stdout))
