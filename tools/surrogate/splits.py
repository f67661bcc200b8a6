"""The splits of a regime's data, apart from what makes them: the command line names them without PyTorch."""

SPLITS = {"train": 200, "valid": 32, "test": 64, "calibration": 256, "coverage": 256, "beyond": 64}
"""How many runs each has where nothing else is asked; those of the last lie outside the ranges."""
BEYOND = "beyond"
