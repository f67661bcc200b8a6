"""The surrogate of curves and single results: dimensionless numbers to what a run shows, with an interval."""
