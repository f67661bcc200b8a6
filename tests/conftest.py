"""No test reaches for a model hub or a tracing service."""

import os

from hypothesis import settings

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["LANGSMITH_TRACING"] = "false"

# A deadline judges the machine, not the code.
settings.register_profile("labwright", deadline=None)
settings.load_profile("labwright")
