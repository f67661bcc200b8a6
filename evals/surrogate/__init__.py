"""The surrogate of fields against its peers, its parts and the solver."""
