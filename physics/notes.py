"""What a reader of measurements says of the rows that it left out or joined."""

from __future__ import annotations

from collections.abc import Sequence

_LINES_TOLD = 5


def lines_told(lines: Sequence[int]) -> str:
    """Name lines of a file, for example `lines 14 and 20`; the first few where there are many."""
    shown = [str(line) for line in lines[:_LINES_TOLD]]
    if len(lines) > _LINES_TOLD:
        return f"lines {', '.join(shown)} and {len(lines) - _LINES_TOLD} further ones"
    return f"line {shown[0]}" if len(lines) == 1 else f"lines {', '.join(shown[:-1])} and {shown[-1]}"


def gaps_told(lines: Sequence[int]) -> list[str]:
    """Say which rows hold no number and were left out; nothing where there are none."""
    if not lines:
        return []
    rows, hold = ("row was", "holds") if len(lines) == 1 else ("rows were", "hold")
    return [f"{len(lines)} {rows} left out: {lines_told(lines)} {hold} no number."]


def repeats_told(count: int, apart: float, time: float, column: str) -> str:
    """Say that `count` rows of one time were averaged, and how far `apart` the two farthest lie."""
    rows, them = ("row repeats", "it and was") if count == 1 else ("rows repeat", "them and were")
    unit = column.removeprefix("time_")
    far = f"; the two values at {time:g} {unit} differ by {apart:.3g}" if apart > 0 else ""
    return f"{count} {rows} the time before {them} averaged{far}."
