"""Past runs like one: by the shipped encoder, the model of sentences and Qdrant, on a handful of records."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tools.errors import Retry
from tools.similar import Past, similar, words_of
from tools.traces import encoded, encoder_digest, of_record

TIMES = np.linspace(0.0, 10.0, 60)


def _record(
    run: str, experiment: str, values: np.ndarray, settings: dict[str, str], request: str = ""
) -> dict[str, Any]:
    name = {"column": "concentration", "flash": "rear_temperature"}[experiment]
    row = {"name": name, "time": TIMES.tolist(), "values": values.tolist()}
    inputs = {"experiment": experiment, "settings": settings, "request": request}
    return {"id": run, "kind": "simulate", "inputs": inputs, "result": {"outputs": [row], "message": "The run ended."}}


def _front(place: float, width: float) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-(TIMES - place) / width))


RECORDS = [
    _record("sharp", "column", _front(4.0, 0.2), {"length": "30 cm", "velocity": "10 cm/h"}, "bromide in sand"),
    _record("blunt", "column", _front(5.0, 1.5), {"length": "12 cm", "velocity": "2 cm/h"}, "chloride in loam"),
    _record("pulse", "flash", np.exp(-((TIMES - 3.0) ** 2)), {"thickness": "2 mm"}, "diffusivity of a steel disc"),
]


class Memory:
    def __init__(self, records: list[dict[str, Any]]) -> None:
        self.records = {record["id"]: record for record in records}
        self.reads = 0

    def stamps(self) -> Mapping[str, str]:
        return {run: str(len(str(record))) for run, record in self.records.items()}

    def read(self, run: str) -> Mapping[str, Any] | None:
        self.reads += 1
        return self.records.get(run)


def _csv(path: Path, values: np.ndarray) -> Path:
    rows = [f"{7 * t},{v}" for t, v in zip(TIMES, values, strict=True)]
    path.write_text("\n".join(["time_min,relative_concentration", *rows]))
    return path


def test_words_traces_and_both_find_their_run(tmp_path: Path) -> None:
    kept = Memory(RECORDS)
    (first, *rest) = similar(kept, tmp_path, text="thermal diffusivity of steel")
    assert (first["run"], first["matched"], first["trace"]) == ("pulse", "text", None)
    assert len(rest) == 2
    sharp = _csv(tmp_path / "m.csv", _front(3.9, 0.22))
    (first, *_) = similar(kept, tmp_path, file=sharp)
    assert (first["run"], first["matched"], first["text"]) == ("sharp", "trace", None)
    (first, *_) = similar(kept, tmp_path, text="a column of sand with bromide", file=sharp)
    assert (first["run"], first["matched"], first["experiment"]) == ("sharp", "both", "column")
    assert 0.0 < first["score"] <= 1.0


def test_a_past_run_finds_others_and_not_itself(tmp_path: Path) -> None:
    twin = {**RECORDS[1], "id": "twin"}
    found = similar(Memory([*RECORDS, twin]), tmp_path, run="blunt")
    assert found[0]["run"] == "twin"
    assert found[0]["score"] == pytest.approx(1.0, abs=1e-3)
    assert "blunt" not in [row["run"] for row in found]


def test_a_field_is_found_by_the_vector_that_was_kept(tmp_path: Path) -> None:
    vector = encoded(of_record(RECORDS[0]))[0]
    field = {"id": "field", "kind": "simulate", "inputs": {"experiment": "gray_scott"}, "result": {}}
    of_now = {**field, "trace": {"encoder": encoder_digest(), "vector": vector.tolist()}}
    with Past(Memory([of_now]), tmp_path) as past:
        assert past.find(None, vector, 1, None)[0].id == "field"
    of_another = {**field, "trace": {"encoder": "another", "vector": vector.tolist()}}
    with Past(Memory([of_another]), tmp_path / "other") as past:
        assert past.find(None, vector, 1, None) == []


def test_only_runs_that_are_new_are_read_and_embedded(tmp_path: Path) -> None:
    kept = Memory(RECORDS)
    for _ in range(2):
        with Past(kept, tmp_path):
            pass
    assert kept.reads == len(RECORDS)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({}, "nothing to look for"),
        ({"text": "  "}, "nothing to look for"),
        ({"run": "gone"}, "there is no run 'gone'"),
        ({"text": "a", "limit": 0}, "limit = 0"),
        ({"file": Path("none.csv")}, "no such file"),
    ],
    ids=["nothing", "blank", "run", "limit", "file"],
)
def test_what_cannot_be_asked_is_told(tmp_path: Path, asked: dict[str, Any], told: str) -> None:
    with pytest.raises(Retry, match=told):
        similar(Memory(RECORDS), tmp_path, **asked)


def test_the_words_of_a_run_name_what_was_done_and_asked() -> None:
    words = words_of(RECORDS[0])
    for part in ("simulate column", "bromide in sand", "velocity 10 cm/h", "The run ended"):
        assert part in words
    fit = {"id": "f", "kind": "calibrate", "inputs": {"experiment": "column", "fit": ["dispersion"]},
           "result": {"parameters": [{"name": "dispersion", "value": 0.25, "unit": "cm**2/h"}]}}  # fmt: skip
    assert "fitted dispersion: dispersion 0.25 cm**2/h" in words_of(fit)
