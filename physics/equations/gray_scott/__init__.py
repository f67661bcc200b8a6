"""The Gray-Scott model of a fed reactor."""
