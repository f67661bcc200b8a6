"""What a run looked like, as one vector: fields and time series of any size, without the name of their regime."""
