"""The agent: from a request in plain words to a checked plan, or the reason why none is shown."""
