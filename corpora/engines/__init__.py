"""The two forms of Qdrant: in process, and as a server."""
