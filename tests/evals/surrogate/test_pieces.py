"""Pieces record themselves, wait for one another, and are not made twice."""

import json

import pytest

from evals.surrogate import pieces
from evals.surrogate.pieces import Piece


def counted(folder, name, *, value, before=()):
    """Write how often this piece ran, and add up what others recorded."""
    log = folder / f"{name}.log"
    log.write_text((log.read_text() if log.is_file() else "") + "x")
    read = [json.loads((folder / f"{each}.json").read_text())["result"]["value"] for each in before]
    return {"value": value + sum(read)}


def failing(folder, name):
    """Fail."""
    raise ValueError("no")


def two():
    return [
        Piece("sum", counted, {"value": 1, "before": ["part"]}, after=("part",)),
        Piece("part", counted, {"value": 2}),
    ]


def test_a_piece_waits_for_what_it_reads_and_is_kept(tmp_path):
    assert pieces.run(tmp_path, two(), workers=2) == {"sum": {"value": 3}, "part": {"value": 2}}
    assert pieces.run(tmp_path, two()) == {"sum": {"value": 3}, "part": {"value": 2}}
    assert (tmp_path / "sum.log").read_text() == "x"


def test_a_piece_of_other_values_or_a_record_cut_short_is_made_again(tmp_path):
    first, second = Piece("part", counted, {"value": 2}), Piece("part", counted, {"value": 3})
    pieces.run(tmp_path, [first])
    assert pieces.record_of(tmp_path, second) is None
    (tmp_path / "part.json").write_text((tmp_path / "part.json").read_text()[:20])
    assert pieces.record_of(tmp_path, first) is None


def test_what_ended_before_a_failure_is_kept(tmp_path):
    with pytest.raises(ValueError, match="no"):
        pieces.run(tmp_path, [Piece("part", counted, {"value": 2}), Piece("wrong", failing)])
    assert pieces.record_of(tmp_path, Piece("part", counted, {"value": 2})) == {"value": 2}


def test_a_piece_that_waits_for_nothing_that_comes_is_told(tmp_path):
    with pytest.raises(ValueError, match="sum"):
        pieces.run(tmp_path, two()[:1])
