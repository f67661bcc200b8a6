"""No test reaches for a model hub or a tracing service."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["LANGSMITH_TRACING"] = "false"
