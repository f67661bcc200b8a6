"""1024 columns against SciPy, py-pde, FiPy and torchdiffeq, at equal error.

All march the same columns (third-type inlet, closed outlet, Peclet numbers spread over 5 to 200) to the same 40
output times; the error of a column is its largest distance from the exact curve. Each peer is given what suits
it, as its documentation advises (see `benchmarks/column_peers.py`): for every column and target the coarsest
grid whose error leaves room, and the loosest tolerance or step that keeps within the target. The search for
them and what a peer compiles are not timed (py-pde compiles anew for every Peclet number, some seconds each).
Ours is asked for the loosest tolerance of 100, 30, 10, 3 and 1 times the target that keeps within it, chooses
its own resolution inside the timed call, and returns its error estimates, its cumulated fluxes and their
balance too.

The peer that turns out fastest is to be beaten 20 times, the others 100 times.

A peer is timed on a sample, evenly spread over the batch that is sorted by Peclet number, and scaled: SciPy on
32 columns, py-pde on 3, FiPy on 2, torchdiffeq on the middle one of eight groups of 128 neighbours, as one
batch; the last two once. Only SciPy is also asked for the smaller error, which takes the others from minutes to
hours. Ours is timed on all 1024, over the threads of the machine; loops run on one thread, as such loops do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from benchmarks import column_peers as peers
from benchmarks.face import Row, median_seconds, peer, say
from physics.equations.advection_dispersion.exact import step_response
from physics.experiments.column import simulate

COLUMNS, REPEATS = 1024, 3
TARGETS = (1e-3, 1e-4)
FASTEST, OTHERS = 20.0, 100.0  # what is asked for
GRIDS = [round(12 * 2 ** (k / 2)) for k in range(17)]  # 12 ... 3072


@dataclass(frozen=True)
class Peer:
    """One peer: how it is set up, the knobs from loose to tight (times the target if `relative`), its sample.

    `targets` are the errors it is asked for, `repeats` the runs whose median is taken: a peer that takes hours for the
    smaller error is asked for the larger, once.
    """

    name: str
    module: str
    make: Callable[[np.ndarray, int, float], peers.Curves]
    knobs: tuple[float, ...]
    relative: bool
    sample: int
    width: int = 1
    targets: tuple[float, ...] = TARGETS
    repeats: int = REPEATS

    def members(self) -> list[slice]:
        """Return the parts of the batch that are timed."""
        stride = COLUMNS // self.sample
        starts = [min(stride * k + stride // 2, COLUMNS - self.width) for k in range(self.sample)]
        return [slice(start, start + self.width) for start in starts]


PEERS = (
    Peer("SciPy BDF", "scipy", peers.scipy_bdf, (3.0, 1.0, 0.3, 0.1, 0.03), True, 32),
    Peer("py-pde Runge-Kutta", "pde", peers.py_pde, (3.0, 1.0, 0.1, 0.01), True, 3, 1, TARGETS[:1]),
    Peer("torchdiffeq dopri5", "torchdiffeq", peers.torchdiffeq, (0.1, 0.03, 0.01), True, 1, 128, TARGETS[:1], 1),
    Peer("FiPy implicit", "fipy", peers.fipy, (1.0, 2.0, 4.0, 8.0, 16.0, 32.0), False, 2, 1, TARGETS[:1], 1),
)


def exact(peclet: np.ndarray) -> np.ndarray:
    return step_response(torch.from_numpy(peclet)[:, None], torch.from_numpy(peers.TIMES)).numpy()


def coarsest(peclet: np.ndarray, target: float) -> int:
    """Return the index of the coarsest grid whose own error leaves room for that of the time."""
    worst = [peclet[:1], peclet[-1:]]
    for k, cells in enumerate(GRIDS):
        gaps = [np.abs(peers.scipy_bdf(pe, cells, target / 300)() - exact(pe)).max() for pe in worst]
        if max(gaps) < 0.8 * target:
            return k
    return len(GRIDS) - 1


def tune(each: Peer, peclet: np.ndarray, target: float) -> tuple[peers.Curves, int]:
    """Return the peer on the coarsest grid, and by the loosest knob, that keeps within the target; and its cells."""
    first = coarsest(peclet, target)
    for cells in GRIDS[first : first + 3]:
        for knob in each.knobs:
            curves = each.make(peclet, cells, knob * target if each.relative else knob)
            if np.abs(curves() - exact(peclet)).max() <= target:
                return curves, cells
    return curves, cells


def ours(peclet: np.ndarray, target: float) -> Callable[[], np.ndarray]:
    """Return our run at the loosest tolerance that keeps within the target."""
    settings = {
        "length": torch.ones(COLUMNS, dtype=torch.float64),
        "velocity": torch.ones(COLUMNS, dtype=torch.float64),
        "dispersion": torch.from_numpy(1.0 / peclet),
    }

    def curves(tolerance: float) -> np.ndarray:
        run = simulate(settings, torch.from_numpy(peers.TIMES), tolerance=tolerance).require()
        return run.outputs["concentration"].values.numpy()

    for loose in (100.0, 30.0, 10.0, 3.0, 1.0):
        if np.abs(curves(loose * target) - exact(peclet)).max() <= target:
            break
    return lambda: curves(loose * target)


def compare(each: Peer, peclet: np.ndarray, target: float) -> Row:
    chosen = [tune(each, peclet[part], target) for part in each.members()]
    seconds, found = median_seconds(
        {"ours": ours(peclet, target), "theirs": lambda: [curves() for curves, _ in chosen]}, each.repeats, warm=0
    )
    mine = np.abs(found["ours"] - exact(peclet)).max()
    gaps = [np.abs(got - exact(peclet[part])).max() for got, part in zip(found["theirs"], each.members(), strict=True)]
    timed = each.sample * each.width
    note = f"{timed} columns timed, scaled to {COLUMNS}; {_span([cells for _, cells in chosen])} cells"
    return Row(
        f"column, batch of {COLUMNS}, error {target:g}", each.name,
        seconds["ours"], seconds["theirs"] * COLUMNS / timed, float(mine), float(max(gaps)), OTHERS, note,
    )  # fmt: skip


def _span(cells: Sequence[int]) -> str:
    return f"{min(cells)} to {max(cells)}"


def run() -> list[Row]:
    peclet = np.sort(np.random.default_rng(0).uniform(5.0, 200.0, COLUMNS))
    rows = []
    for target in TARGETS:
        found = []
        for each in PEERS:
            if target in each.targets and peer(each.module) is not None:
                say(f"column: {each.name} at {target:g}")
                found.append(compare(each, peclet, target))
                say(f"column: ratio {found[-1].ratio:.3g}, their error {found[-1].their_error:.1e}")
        fastest = min(found, key=lambda row: row.ratio)
        rows += [replace(row, target=FASTEST) if row is fastest else row for row in found]
    return rows
