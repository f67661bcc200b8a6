"""Which run to make: information, sampling times, and a proposal within limits."""
