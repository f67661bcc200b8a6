"""No language model: rules route and fill, templates write, and every answer says so."""

NO_MODEL = "no language model took part"


def describe(model: object | None) -> str:
    """Return how an answer names the model that took part, or that none did."""
    return NO_MODEL if model is None else str(getattr(model, "name", type(model).__name__))
