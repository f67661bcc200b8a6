"""What stands between an assimilation and a person: sensor files, priors, the systems by experiment, and rows."""
