"""Train the encoder that finds runs alike: read runs, learn, judge on runs not learned from, write weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from physics.errors import InputError
from physics.surrogate.embedding import stored
from physics.surrogate.embedding.judge import fixed, found_first
from physics.surrogate.embedding.sets import fields, records
from physics.surrogate.embedding.train import KIN, NEAR, TEMPERATURE, train
from tools.errors import Retry

RUNS, CURVES, JUDGED, STORED = 200, 600, 32, 40


def train_encoder(
    data: Path,
    out: Path,
    *,
    seed: int = 0,
    minutes: float = 9.0,
    steps: int = 900,
    progress: Callable[[str], None] = lambda sentence: None,
) -> dict[str, Any]:
    """Train an encoder on the training runs of every regime and on curves of the experiments, and write it with a card.

    Raises:
        Retry: the data are missing, the place cannot be written, or a number cannot be; nothing was written.
    """
    if minutes <= 0 or steps < 1:
        raise Retry(f"minutes = {minutes:g}, steps = {steps}: give numbers above 0")
    if out.is_dir():
        raise Retry(f"{out} is a directory; name a file in it, for example {out / 'encoder.safetensors'}")
    try:
        progress("reading the runs")
        learned = [runs for runs, _ in fields(data, "train", RUNS)] + records("train", CURVES, seed=seed)
        held = [runs for runs, _ in fields(data, "valid", JUDGED)] + records("valid", JUDGED, seed=seed)
        told: list[float] = []

        def report(step: int, loss: float) -> None:
            told.append(loss)
            progress(f"training: step {step} of {steps}, loss {loss:.3f}")

        encoder, seconds = train(learned, seed=seed, steps=steps, minutes=minutes, report=report)
        known = [type(runs)(runs.name, runs.traces[:STORED], runs.scaled[:STORED]) for runs in learned]
        judged = {
            "encoder": found_first(known, held, encoder.encode),
            "fixed features": found_first(known, held, fixed(learned)),
        }
        card = {
            "seed": seed,
            "processor_minutes": round(seconds / 60.0, 2),
            "steps": steps,
            "loss": told[-1],
            "temperature": TEMPERATURE,
            "kin": KIN,
            "near": NEAR,
            "learned_from": {runs.name: len(runs.traces) for runs in learned},
            "judged_by": JUDGED,
            "stored": STORED,
            "same_set_first": judged,
        }
        stored.write(out, encoder, card)
    except InputError as error:
        raise Retry(str(error)) from error
    return {"file": str(out), "bytes": out.stat().st_size, **card}
