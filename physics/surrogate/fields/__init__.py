"""The surrogate of fields: frames of a run to the frames that follow."""
