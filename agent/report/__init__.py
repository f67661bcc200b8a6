"""Run reports and their figures."""
