"""A thread rests on disk: a question is answered in another process, and a killed one goes on where it stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent.errors import BadRequest
from agent.state import Request
from agent.threads import converse
from tests.agent import doubles

WORKER = Path(__file__).parent / "worker.py"
ROOT = Path(__file__).resolve().parents[2]
NO_LENGTH = "I have a sand column, 5 cm in diameter, and a pump from 0.5 to 10 mL/min. Dispersion within 5 %."


def worker(home: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(WORKER), str(home), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


def finished(process: subprocess.Popen[str]) -> dict[str, object]:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return dict(json.loads(out.splitlines()[-1]))


def test_a_question_is_answered_in_a_new_process(tmp_path: Path) -> None:
    asked = finished(worker(tmp_path, "t", NO_LENGTH))
    assert asked["status"] == "needs_input"
    assert "How long" in str(asked["question"])
    again = finished(worker(tmp_path, "t", "I do not know"))
    assert again["status"] == "needs_input"
    assert "holds no quantity that fits" in str(again["question"])
    answered = finished(worker(tmp_path, "t", "It is 30 cm long"))
    assert answered["status"] == "recommended"
    assert "1.2 mL/min" in str(answered["text"])


def test_a_killed_thread_goes_on_in_a_new_process(tmp_path: Path) -> None:
    mark = tmp_path / "computing"
    process = worker(tmp_path, "t", doubles.REQUEST, f"--hang={mark}")
    deadline = time.monotonic() + 60
    while not mark.exists():
        assert time.monotonic() < deadline, "the worker never came to compute"
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    resumed = finished(worker(tmp_path, "t", ""))
    assert resumed["status"] == "recommended"
    assert resumed["understood"] == 0, "what was understood before the kill is not asked of the model again"


def test_the_same_request_also_resumes_a_killed_thread(tmp_path: Path) -> None:
    def broken(*arguments: object, **options: object) -> object:
        raise RuntimeError("power cut")

    request = Request(request=doubles.REQUEST, experiment="column")
    with pytest.raises(RuntimeError):
        converse(doubles.context(design=broken), "t", request, path=tmp_path / "threads.sqlite")
    answer = converse(doubles.context(), "t", request, path=tmp_path / "threads.sqlite")
    assert answer.status == "recommended"


def test_a_second_turn_starts_with_an_empty_ledger(tmp_path: Path) -> None:
    path = tmp_path / "threads.sqlite"
    request = Request(request=doubles.REQUEST, experiment="column")
    first = converse(doubles.context(), "t", request, path=path)
    other = request.model_copy(update={"request": doubles.REQUEST.replace("30 cm", "40 cm")})
    second = converse(doubles.context(), "t", other, path=path)
    assert first.run != second.run
    assert next(fact.value for fact in second.facts if fact.id == "length") == 40
    assert len(second.facts) == len(first.facts)


def test_an_empty_thread_has_nothing_to_go_on_with(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="nothing to go on with"):
        converse(doubles.context(), "t", None, path=tmp_path / "threads.sqlite")


def test_a_waiting_thread_says_what_it_waits_for(tmp_path: Path) -> None:
    path = tmp_path / "threads.sqlite"
    converse(doubles.context(), "t", Request(request=NO_LENGTH, experiment="column"), path=path)
    with pytest.raises(BadRequest, match="How long"):
        converse(doubles.context(), "t", None, path=path)
