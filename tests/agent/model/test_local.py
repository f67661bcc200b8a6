import os
import time

import pytest

from agent.grammar import choice, find_digits_and_number_words, prose, read_prose
from agent.model import CutOffError, LanguageModel, ModelUnavailable, Prompt
from agent.model.fetch import fetch
from agent.model.local import LocalModel, free_threads, prune

PROMPT = Prompt("You answer with one word.", (("Is snow white?", "yes"), ("Is coal white?", "no")))


def test_nothing_is_loaded_before_the_first_call(tmp_path):
    model = LocalModel(tmp_path / "absent.gguf")
    assert isinstance(model, LanguageModel)
    assert model.name == "absent"
    with pytest.raises(ModelUnavailable, match="no model file"):
        model.complete(PROMPT.with_user("x"))
    model.close()
    model.close()


def test_a_file_that_is_no_model_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("LABWRIGHT_CACHE", str(tmp_path))
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF" + bytes(100))
    with pytest.raises(ModelUnavailable, match="cannot be loaded as a model"):
        LocalModel(path).complete(PROMPT.with_user("x"))


def test_an_overloaded_machine_gets_fewer_threads(monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(os, "getloadavg", lambda: (1.9, 0.0, 0.0))
    assert free_threads() == 2
    monkeypatch.setattr(os, "getloadavg", lambda: (2.5, 0.0, 0.0))
    assert free_threads() == 1


def test_old_prefixes_are_removed(tmp_path):
    for age in range(5):
        file = tmp_path / f"{age}.bin"
        file.write_bytes(bytes(100))
        os.utime(file, (time.time() - age, time.time() - age))
    (tmp_path / "new.partial").write_bytes(b"x")
    stale = tmp_path / "stale.partial"
    stale.write_bytes(b"x")
    os.utime(stale, (0, 0))
    prune(tmp_path, most=4, most_bytes=250)
    assert sorted(f.name for f in tmp_path.iterdir()) == ["0.bin", "1.bin", "new.partial"]


@pytest.mark.model
def test_choices_are_scored_and_repeatable(real_model):
    first = real_model.choose(PROMPT.with_user("Is coal white?"), ["yes", "no"])
    assert first.option == "no"
    assert first.probability > 0.5
    again = real_model.choose(PROMPT.with_user("Is coal white?"), ["yes", "no"])
    assert again.probability == pytest.approx(first.probability, abs=0.02)


@pytest.mark.model
def test_the_grammar_binds(real_model):
    assert real_model.complete(PROMPT.with_user("Say 7."), grammar=choice(["apple", "pear"])) in {
        "apple",
        "pear",
    }
    draft = Prompt("You write plain sentences. Facts stand in braces.").with_user(
        "Facts: {flow} flow rate, {time} duration. Say 12 things about the run, with many numbers."
    )
    text = real_model.complete(draft, grammar=prose(["flow", "time"], (1, 2), words=12), max_tokens=160)
    assert read_prose(text, ["flow", "time"])
    assert not any(c.isdigit() for c in text)
    assert isinstance(find_digits_and_number_words(text), list)


@pytest.mark.model
def test_an_answer_that_is_cut_off_is_an_error(real_model):
    with pytest.raises(CutOffError, match="cut off") as cut:
        real_model.complete(PROMPT.with_user("x"), grammar='root ::= "a"{200}', max_tokens=5)
    assert set(cut.value.text) == {"a"}


@pytest.mark.model
def test_a_prefix_comes_back_from_disk_with_the_same_answer(real_model, monkeypatch, tmp_path):
    path = fetch()
    monkeypatch.setenv("LABWRIGHT_CACHE", str(tmp_path))
    scores, seconds = [], []
    for _ in range(2):
        model = LocalModel(path)
        model.choose(Prompt("Warm up.").with_user("x"), ["yes", "no"])
        start = time.perf_counter()
        scores.append(model.choose(PROMPT.with_user("Is coal white?"), ["yes", "no"]).probability)
        seconds.append(time.perf_counter() - start)
        model.close()
    assert scores[0] == pytest.approx(scores[1], abs=0.02)
    assert len(list((tmp_path / "prefixes").glob("*.bin"))) == 2
    assert seconds[1] < seconds[0]


@pytest.mark.model
def test_a_damaged_prefix_is_read_afresh(real_model, monkeypatch, tmp_path):
    path = fetch()
    monkeypatch.setenv("LABWRIGHT_CACHE", str(tmp_path))
    model = LocalModel(path)
    model.choose(PROMPT.with_user("x"), ["yes", "no"])
    (file,) = (tmp_path / "prefixes").glob("*.bin")
    file.write_bytes(b"damaged")
    model.choose(Prompt("Another.").with_user("x"), ["yes", "no"])
    assert model.choose(PROMPT.with_user("Is coal white?"), ["yes", "no"]).option == "no"
    model.close()
