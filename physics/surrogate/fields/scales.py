"""The scales of a regime's fields, from its training runs."""

from __future__ import annotations

from physics.surrogate.fields.model import Scales
from physics.surrogate.frames import Frames

_LEAST = 1e-6  # a channel that does not vary is scaled by this


def scales_of(frames: Frames) -> Scales:
    """Return the mean and the deviation of each channel, and the deviation of its change in one interval."""
    fields = frames.values.movedim(2, 0).flatten(1)
    change = frames.values.diff(dim=1).movedim(2, 0).flatten(1)
    return Scales(fields.mean(1), fields.std(1).clamp_min(_LEAST), change.std(1).clamp_min(_LEAST))
