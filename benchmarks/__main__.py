"""Run every benchmark: `python -m benchmarks`. Results go to `benchmarks/RESULTS.md`."""

from benchmarks import column

if __name__ == "__main__":
    column.main()
