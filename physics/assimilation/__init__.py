"""State and parameters of a partly observed run from a few sensors: 4D-Var and an ensemble Kalman smoother."""
