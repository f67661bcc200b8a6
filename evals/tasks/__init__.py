"""The suites; each has a `run(seed)` that returns its rows and a summary."""
