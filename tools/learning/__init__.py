"""Parts of the tool that learns from measured curves: how they are joined, and what is told of them."""
