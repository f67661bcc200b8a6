"""Convection between plates, in the Boussinesq approximation."""
