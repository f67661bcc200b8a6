"""Hidden truths, what is believed of them, and the two designs that are compared."""
