"""What the agent may call: each tool wraps the physics or the corpus and hands back evidence."""
