"""Derivatives of long runs and of steady states: checkpoint schedules, implicit differentiation, chaos."""
