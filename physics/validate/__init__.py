"""Validation: what every output must keep, told as verdicts with value, limit and unit."""

from physics.validate.law import Finding, Kind, Law, Sample, Verdict, broken, validate

__all__ = ["Finding", "Kind", "Law", "Sample", "Verdict", "broken", "validate"]
