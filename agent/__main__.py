"""`python -m agent` is the console script."""

from agent.cli.main import main

main()
