"""The evaluations: one suite a file in `tasks/`; what they found is in `LOG.md`."""
