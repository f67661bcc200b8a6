"""The verbs of the job, one node a file; its exits stand in its return type."""
