"""Marches in time, their derivatives, and extrapolation to zero step."""
