"""Data, training and use of the surrogate."""
