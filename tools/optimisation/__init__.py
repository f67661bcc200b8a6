"""What stands behind `tools.optimise`: limits in words, the study they make, and the answer in rows."""
