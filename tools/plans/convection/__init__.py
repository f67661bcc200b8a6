"""How a Rayleigh-Benard experiment is planned."""
