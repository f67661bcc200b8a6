"""How a tracer test in a packed column is planned."""
