"""How a laser-flash measurement of thermal diffusivity is planned."""
