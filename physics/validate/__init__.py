"""Validation: what every output must keep, told as verdicts with value, limit and unit."""

from physics.validate.law import Kind, Law, Sample, Verdict, validate

__all__ = ["Kind", "Law", "Sample", "Verdict", "validate"]
