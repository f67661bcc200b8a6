"""How a Gray-Scott reactor is planned."""
