"""Heat in a disc after a flash of light."""
