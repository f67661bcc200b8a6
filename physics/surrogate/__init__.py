"""The surrogate: learned predictions of fields and curves that know when not to answer."""
