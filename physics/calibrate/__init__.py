"""Parameters from measurements: fit, uncertainty, and what the data cannot tell."""
