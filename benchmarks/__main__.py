"""Run the benchmarks: `python -m benchmarks [NAME ...]`, all without a name. Results go to `benchmarks/RESULTS.md`.

A run of some keeps what stands there of the others.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
from importlib import metadata
from pathlib import Path
from time import perf_counter

import benchmarks
from benchmarks.face import Row, say
from benchmarks.machine import machine

RESULTS = Path(__file__).with_name("RESULTS.md")
PACKAGES = (
    "torch", "numba", "numpy", "scipy", "py-pde", "fipy", "torchdiffeq", "phiflow", "exponax", "jax",
    "diffrax", "optimistix",
)  # fmt: skip


def works() -> list[str]:
    """Return the names of the files here that have a `run`."""
    names = [item.name for item in pkgutil.iter_modules(benchmarks.__path__) if not item.name.startswith("__")]
    return [name for name in names if hasattr(importlib.import_module(f"benchmarks.{name}"), "run")]


def section(name: str, rows: list[Row]) -> str:
    """Write the rows of one benchmark, under the head of its docstring and the machine it ran on."""
    head = (importlib.import_module(f"benchmarks.{name}").__doc__ or name).strip()
    lines = [
        f"## {name}", "", head, "", f"Ran on {machine()}; {packages()}.", "",
        "| work | peer | ours | peer's | ratio | at least | our error | its error | note |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]  # fmt: skip
    for row in rows:
        target = "" if row.target is None else f"{row.target:g}" + ("" if row.met else " (missed)")
        errors = ["" if value is None else f"{value:.1e}" for value in (row.our_error, row.their_error)]
        times = [f"{value:.3g} {row.unit}" for value in (row.ours, row.theirs)]
        cells = [row.work, row.peer, *times, f"{row.ratio:.3g}", target, *errors, row.note]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def packages() -> str:
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join(found)


def kept() -> dict[str, str]:
    """Return the sections that stand in the file."""
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    parts = text.split("\n## ")[1:]
    return {part.split("\n", 1)[0].strip(): "## " + part.strip() + "\n" for part in parts}


def main(wanted: list[str]) -> int:
    known = works()
    unknown = [name for name in wanted if name not in known]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    sections = {name: text for name, text in kept().items() if name in known}
    for name in wanted or known:
        begin = perf_counter()
        say(name)
        rows = list(importlib.import_module(f"benchmarks.{name}").run())
        sections[name] = section(name, rows)
        say(f"{name}: {perf_counter() - begin:.0f} s")
        head = (
            "# Results\n\nWritten by `python -m benchmarks`; ours and its peers in one run, medians, at equal error.\n"
        )
        RESULTS.write_text("\n".join([head, *(sections[key] for key in sorted(sections))]), encoding="utf-8")
        print(sections[name], flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
