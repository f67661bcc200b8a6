"""How the surrogate of fields learns."""
