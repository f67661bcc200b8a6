"""A small contest: equal costs, no rule broken, and ours knows more."""

import torch

from evals.tasks.virtual_lab import compete, run
from evals.virtual_lab import column
from evals.virtual_lab.trial import carry_out, learn, truths


def test_a_contest_in_one_laboratory():
    result = run(1, counts={"column": 8}, each=8)
    (row,) = result["rows"]
    told = result["summary"]["column"]
    assert row["n"] == told["truths"] == 8
    assert row["violations"] == told["violations"] == 0
    assert row["broken"] == []
    assert told["failed_fits"] == 0
    assert 0 < told["median_ratio"]["protocol"] < 0.7
    assert told["median_ratio"]["protocol"] == row["ratio_protocol"]


def test_a_design_against_itself_draws(monkeypatch):
    laboratory = column.laboratories(1, 2)[0]
    same = laboratory.retimed()
    monkeypatch.setattr(type(laboratory), "plans", lambda self: {"ours": same, "protocol": same})
    row, found = compete(laboratory, 4, 0)
    assert torch.allclose(found["protocol"], torch.ones(4, dtype=torch.float64))
    assert row["ratio_protocol"] == row["error_ratio_protocol"] == 1.0


def test_the_variance_told_is_that_of_the_errors():
    laboratory = column.laboratories(1, 5)[0]
    plan = laboratory.retimed()
    u = truths(laboratory, 150, torch.Generator().manual_seed(0))
    quiet = type(laboratory.instrument)(laboratory.noise)
    from dataclasses import replace

    laboratory = replace(laboratory, instrument=quiet)
    variance, error = learn(laboratory, plan, carry_out(laboratory, plan, u, torch.Generator().manual_seed(1)), u)
    assert 0.75 < float((error.square() / variance).mean()) < 1.3
