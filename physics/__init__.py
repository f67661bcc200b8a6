"""The physics: experiments, equations, solvers, calibration and design. Knows nothing of language or documents."""
