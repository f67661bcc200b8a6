"""Records survive a file, compactly, and join by section."""

import math

import pytest
from pydantic import ValidationError

from evals.surrogate.records import ErrorCurve, Records, Row, read, write
from physics.errors import DataError

CURVE = ErrorCurve(
    regime="burgers", horizon="rollout", split="within", runs=4, time_unit="", times=(0.1, 0.2),
    low=(1 / 3, 0.5), median=(0.6, math.nan), high=(1.0, math.inf),
)  # fmt: skip
RESULT = {
    "suite": "surrogate", "version": 2, "seed": 3, "seconds": 1.0, "date": "2026-01-02", "summary": {"mean_ratio": 0.5},
    "rows": [{"dataset": "burgers", "horizon": "step", "model": "ours", "seed": 0, "vrmse": 0.1, "parameters": 10,
              "cpu_minutes": 1.5, "more": "ignored"}],
}  # fmt: skip


def test_a_file_gives_back_what_was_written_in_four_digits(tmp_path):
    path = write(tmp_path / "figures.json", Records(errors=(CURVE,)))
    assert '"low":[0.3333,0.5]' in path.read_text()
    (found,) = read(path).errors
    assert found.low == (0.3333, 0.5)
    assert found.median == (0.6, None)
    assert found.high == (1.0, None)


def test_without_a_file_there_are_none(tmp_path):
    assert read(tmp_path / "nothing.json") == Records()


@pytest.mark.parametrize("content", ["{", '{"errors": [{"regime": "burgers"}]}', '{"other": []}'])
def test_another_file_is_refused_with_what_to_do(tmp_path, content):
    path = tmp_path / "figures.json"
    path.write_text(content)
    with pytest.raises(DataError, match="delete it and make it again"):
        read(path)


def test_parts_are_joined_in_their_order():
    row = Row.model_validate(RESULT["rows"][0])
    joined = Records.joined([Records(errors=(CURVE,)), Records(rows=(row,)), Records(errors=(CURVE,), about={"a": 1})])
    assert len(joined.errors) == 2
    assert joined.rows == (row,)
    assert joined.about == {"a": 1}


def test_a_result_and_a_tally_become_records():
    tally = [{"experiment": "column", "calls": 2, "surrogate": 1, "solver": 1, "reasons": {"speed": 1}, "seconds": 0.1,
              "saved": 0.2}]  # fmt: skip
    found = Records(errors=(CURVE,)).of(RESULT, tally)
    assert found.rows[0].vrmse == 0.1
    assert found.about == {"version": 2, "seed": 3, "seconds": 1.0, "date": "2026-01-02"}
    assert found.fallback[0].reasons == {"speed": 1}
    assert found.errors == (CURVE,)
    with pytest.raises(ValidationError):
        Records().of({"rows": [{"dataset": "burgers"}]})
