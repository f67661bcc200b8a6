"""Transport of a tracer through a packed column."""
