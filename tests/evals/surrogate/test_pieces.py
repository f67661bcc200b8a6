"""Pieces record themselves, wait for one another, and are not made twice."""

import json

import pytest

from evals.surrogate import pieces
from evals.surrogate.pieces import Piece
from physics.surrogate.frames import path_of
from tools.surrogate.fields import digests


def counted(folder, name, *, value, before=()):
    """Write how often this piece ran, and add up what others recorded."""
    log = folder / f"{name}.log"
    log.write_text((log.read_text() if log.is_file() else "") + "x")
    read = [json.loads((folder / f"{each}.json").read_text())["result"]["value"] for each in before]
    return {"value": value + sum(read)}


def sized(folder, name, *, data):
    """Return the size of a file."""
    return {"bytes": data.stat().st_size}


def failing(folder, name):
    """Fail."""
    raise ValueError("no")


def two():
    part = Piece("part", counted, {"value": 2})
    return [Piece("sum", counted, {"value": 1, "before": ["part"]}, after=(part,)), part]


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


def test_a_record_holds_wherever_its_data_are_but_not_of_other_data_or_settings(tmp_path):
    for place in ("here", "there"):
        path = path_of(tmp_path / place, "burgers", "test")
        path.parent.mkdir(parents=True)
        path.write_bytes(b"runs")

    def piece(place, **about):
        told = {"runs": digests(tmp_path / place, "burgers", ("test",)), **about}
        return Piece("size", sized, places={"data": path_of(tmp_path / place, "burgers", "test")}, about=told)

    assert pieces.run(tmp_path, [piece("here")]) == {"size": {"bytes": 4}}
    assert pieces.record_of(tmp_path, piece("there")) == {"bytes": 4}
    assert pieces.record_of(tmp_path, piece("there", settings={"rate": 0.1})) is None
    path.write_bytes(b"others")
    assert pieces.record_of(tmp_path, piece("there")) is None


def test_a_piece_is_made_again_with_the_one_it_waits_for(tmp_path):
    pieces.run(tmp_path, two())
    last = Piece("sum", counted, {"value": 1, "before": ["part"]}, after=(Piece("part", counted, {"value": 5}),))
    assert pieces.record_of(tmp_path, last) is None


def test_what_ended_before_a_failure_is_kept(tmp_path):
    with pytest.raises(ValueError, match="no"):
        pieces.run(tmp_path, [Piece("part", counted, {"value": 2}), Piece("wrong", failing)])
    assert pieces.record_of(tmp_path, Piece("part", counted, {"value": 2})) == {"value": 2}


def test_a_piece_that_waits_for_nothing_that_comes_is_told(tmp_path):
    with pytest.raises(ValueError, match="sum"):
        pieces.run(tmp_path, two()[:1])
