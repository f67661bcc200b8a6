"""Named equations, one a file: operators, grids, exact solutions, and what a sensor reads."""
