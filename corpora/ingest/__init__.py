"""Documents into passages: read, chunk, fingerprint."""
