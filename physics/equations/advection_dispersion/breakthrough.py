"""The reading of a column after its feed jumps from 0 to 1 (or from 1 to 0), at one resolution.

Everything is in the reference length l and the time R l / v of `equation`. The time grid is
stretched to the column: its unit is the arrival time q Pe_q / (Pe_q + 4) of the reading at q with Pe_q = q
Pe, so that weak columns, whose first traces arrive long before a pore volume, are resolved as well as strong
ones.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from physics.equations.advection_dispersion import equation as equation
from physics.equations.advection_dispersion import reading as readings
from physics.equations.advection_dispersion import two_region
from physics.integrate import exchange
from physics.integrate.crank_nicolson import march
from physics.integrate.octaves import Nodes, kept, nodes_of, octaves


class Column(NamedTuple):
    """Dimensionless columns: shapes (batch,) and what the whole batch shares.

    Attributes:
        peclet, damkohler: of the reference length.
        place: where to read, in reference lengths; 1 is the far end.
        first_type: hold the concentration at the inlet instead of the flux.
        closed: the reference length is the column's, which ends there; otherwise it is the reading's
            position.
        flux: read the flux concentration.
        at_end: read at 1 exactly.
        leach: start full with a clean feed.
        mobile, exchange: the mobile share and the rate of exchange of the reference length, shape (batch,); None
            where all water flows.
    """

    peclet: Tensor
    damkohler: Tensor
    place: Tensor
    first_type: bool
    closed: bool
    flux: bool
    at_end: bool
    leach: bool
    mobile: Tensor | None = None
    exchange: Tensor | None = None

    def take(self, members: Tensor) -> Column:
        """Return some members of the batch."""
        found = {name: getattr(self, name) for name in ("peclet", "damkohler", "place", "mobile", "exchange")}
        return self._replace(**{name: value[members] for name, value in found.items() if value is not None})


class Budget(NamedTuple):
    """Cumulated terms of the discrete balance between the inlet and the control face, per reference length.

    Each has shape (nodes, batch); consumed is the decay.
    """

    entered: Tensor
    left: Tensor
    stored: Tensor
    consumed: Tensor


class Trace(NamedTuple):
    """The reading at the nodes of a march.

    Attributes:
        nodes: in units of `unit`.
        values: shape (nodes, batch).
        unit: the arrival time in units of R l / v, shape (batch,).
        budget: only if asked for.
    """

    nodes: Nodes
    values: Tensor
    unit: Tensor
    budget: Budget | None


def arrival(column: Column) -> Tensor:
    """Return the unit of the time grid, shape (batch,)."""
    local = column.peclet * column.place
    whole = column.place * local / (local + 4.0)
    if column.mobile is None or column.exchange is None:
        return whole
    return whole * two_region.arrival_share(column.mobile, column.exchange * column.place)


def trace(column: Column, cells: int, steps: int, tail: int, end: float, budget: bool = False) -> Trace:
    """March the columns until `end`, in units of `arrival`.

    Args:
        cells: on the reference length.
        steps: even, of the first two units of time.
        tail: cells beyond, for an open end.
    """
    grid, look, face = layout(column, cells, tail)
    unit, size = arrival(column), look.weights.shape[0]
    share = 1.0 if column.mobile is None else column.mobile
    system = equation.operator(grid, column.peclet, column.damkohler * share, column.first_type)
    if column.leach:
        system = system._replace(source=torch.zeros_like(system.source))
    state = (torch.ones_like if column.leach else torch.zeros_like)(system.diag)
    store = state
    mass = grid.widths.detach().expand_as(state) if budget else state[:0]
    rows = look.window + torch.arange(size, device=state.device)[:, None]
    seen, kinds, spans = [state.gather(0, rows)[None]], [], []
    sums = [_start_sums(state, mass, face, column.mobile is not None)]
    stretches = octaves(steps, end)
    for stretch in stretches:
        half = 0.5 * stretch.step * unit
        kinds.append(torch.from_numpy(stretch.weights).to(unit.device))
        state, store, watched, counted = _stretch(
            column, system, half, state, store, kinds[-1], look.window, mass, size, face
        )
        seen.append(watched)
        sums.append(counted)
        spans.append(kinds[-1][:, None] * half)
    values = (kept(torch.cat(seen)) * look.weights).sum(1)
    spent = None
    if budget:
        spent = _budget(column, grid, face, torch.cat(sums), torch.cat(kinds), torch.cat(spans))
    return Trace(nodes_of(stretches, unit), values, unit, spent)


def _stretch(
    column: Column,
    system: equation.Operator,
    half: Tensor,
    state: Tensor,
    store: Tensor,
    weights: Tensor,
    window: Tensor,
    mass: Tensor,
    size: int,
    face: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """March one stretch; return the last cells and stores, the watched cells and the sums."""
    if column.mobile is None or column.exchange is None:
        run = march(
            system.lower * half, 1.0 + system.diag * half, system.upper * half, system.source * half,
            state, weights, window, size, mass, face,
        )  # fmt: skip
        return run.final, store, run.seen, run.sums
    step = two_region.coupled(system, column.mobile, column.exchange, column.damkohler, half)
    both = exchange.march(*step, state, store, weights, window, mass, size, face)
    return both.final, both.store, both.seen, both.sums


def layout(column: Column, cells: int, tail: int) -> tuple[equation.Grid, readings.Reading, int]:
    """Return the grid, the reading and the face where the control volume ends."""
    if column.closed:
        grid = equation.uniform_grid(cells, column.peclet)
        if column.at_end:
            return grid, readings.at_face(cells, grid, column.peclet, column.flux), cells
        return grid, readings.inside(column.place, cells, column.peclet, column.flux), cells
    grid = equation.extended_grid(cells, tail, column.peclet)
    return grid, readings.at_face(cells, grid, column.peclet, column.flux), cells


def _start_sums(state: Tensor, mass: Tensor, face: int, stored: bool) -> Tensor:
    if not len(mass):
        return state.new_empty(0, 5 if stored else 4, state.shape[1])
    after = state[face] if face < len(state) else torch.zeros_like(state[0])
    whole = (mass * state)[:face].sum(0)
    return torch.stack([whole, state[0], state[face - 1], after, *([whole] if stored else [])])[None]


def _budget(
    column: Column,
    grid: equation.Grid,
    face: int,
    sums: Tensor,
    kinds: Tensor,
    spans: Tensor,
) -> Budget:
    """Accumulate the fluxes; `sums` (nodes, rows, batch) as in `March` or `Exchanged`, `spans` (nodes - 1, batch)."""
    cells, peclet = grid.widths.shape[0], column.peclet
    middle = (sums[1:] - (1.0 - kinds[:, None, None]) * sums[:-1]) / kinds[:, None, None]
    first, last, after = middle[:, 1], middle[:, 2], middle[:, 3]
    entering = equation.inlet_flux(first, grid, peclet, column.first_type, 0.0 if column.leach else 1.0)
    if face == cells:
        leaving = last
    else:
        slope = 1.0 / (peclet * grid.gaps[face])
        leaving = (0.5 + slope) * last + (0.5 - slope) * after
    rates = (entering, leaving, column.damkohler * _held(column, middle))
    grown = [torch.cumsum(spans * rate, 0) for rate in rates]
    entered, left, consumed = (kept(torch.cat([torch.zeros_like(row[:1]), row])) for row in grown)
    return Budget(entered, left, kept(_held(column, sums)), consumed)


def _held(column: Column, sums: Tensor) -> Tensor:
    """Return what both regions hold before the face, shape (nodes, batch)."""
    if column.mobile is None:
        return sums[:, 0]
    return column.mobile * sums[:, 0] + (1.0 - column.mobile) * sums[:, 4]
