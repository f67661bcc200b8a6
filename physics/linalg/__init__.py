"""Linear systems that the marches solve."""
