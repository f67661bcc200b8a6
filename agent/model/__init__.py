"""The seam to the language model, the runtimes behind it, and the shipped double."""

from agent.model.face import Choice, CutOffError, LanguageModel, ModelError, ModelUnavailable, Prompt, as_data, defuse
from agent.model.scripted import ScriptedModel

__all__ = [
    "Choice",
    "CutOffError",
    "LanguageModel",
    "ModelError",
    "ModelUnavailable",
    "Prompt",
    "ScriptedModel",
    "as_data",
    "defuse",
]
