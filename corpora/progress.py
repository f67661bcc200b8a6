"""How a long piece of work tells its caller how far it is."""

from collections.abc import Callable

# What is done, what there is to do, and a word for the stage.
Progress = Callable[[int, int, str], None]
# One line for the person who waits.
Notify = Callable[[str], None]
