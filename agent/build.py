"""Build what a command needs from the settings: the corpus, the model, the toolbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from agent.context import Context, Toolbox
from agent.errors import BadRequest
from agent.model.face import ModelUnavailable
from agent.model.fetch import TIERS, fetch
from agent.model.local import LocalModel
from agent.model.server import ServerModel
from agent.model.timed import TimedModel
from agent.settings import Settings
from tools import experiments
from tools.plans import planning
from tools.records import Curve, Evidence
from tools.search import Corpus

Notify = Callable[[str], None]


def corpus(settings: Settings, notify: Notify) -> Corpus:
    """Return the trusted corpus; nothing is opened until it is asked something."""
    return Corpus(
        settings.index_path,
        url=settings.qdrant_url,
        extra=settings.corpus,
        wait=settings.index_wait,
        notify=notify,
    )


def language_model(settings: Settings, notify: Notify) -> TimedModel | None:
    """Return the language model of the settings, or None when there is none; loading waits for the first call.

    Raises:
        BadRequest: the settings name a model that does not exist.
    """
    if settings.model_url:
        return TimedModel(ServerModel(settings.model_url, api_key=settings.model_key))
    if settings.model.lower() == "none":
        return None
    if settings.model not in TIERS and not Path(settings.model).expanduser().is_file():
        raise BadRequest(
            f"LABWRIGHT_MODEL = {settings.model!r} is neither {', '.join(TIERS)}, 'none' nor a GGUF file that exists"
        )
    tier, path = (settings.model, None) if settings.model in TIERS else ("", settings.model)
    try:
        found = fetch(tier, path, progress=lambda sentence, share: notify(f"{sentence} ({share:.0%})"))
    except ModelUnavailable as error:
        notify(f"no language model: {error}; rules and templates take over")
        return None
    return TimedModel(LocalModel(found, name=TIERS[tier].name if tier in TIERS else found.name))


@contextmanager
def context(settings: Settings, notify: Notify, began: float) -> Iterator[Context]:
    """Hand out everything that the graph's nodes need, and close it again; `began` is when the command did."""
    model = language_model(settings, notify)
    trusted = corpus(settings, notify)
    try:
        tools = toolbox(trusted)
        yield Context(settings=settings, model=model, tools=tools, seconds={"startup": perf_counter() - began})
    finally:
        trusted.close()
        if model is not None:
            model.close()


def _design(request: Mapping[str, Any], **options: Any) -> Evidence:
    """Call the design tool; it brings PyTorch, which a declined request need not wait for."""
    from tools.design import design

    return design(request, **options)


def _look(paths: Sequence[str], experiment: str | None) -> tuple[Curve, ...]:
    """Call the reader of measured curves; it brings the solver's libraries."""
    from tools.look import look

    return look(paths, experiment)


def _learn(experiment: str, curves: Sequence[Curve], target: str | None, **options: Any) -> Evidence:
    """Call the fit of measured curves; it brings PyTorch."""
    from tools.learn import learn

    return learn(experiment, curves, target, **options)


def toolbox(trusted: Corpus) -> Toolbox:
    """Return the real tools."""
    return Toolbox(
        planning=planning,
        experiments=experiments.names,
        design=_design,
        search=trusted.search,
        verify=trusted.verify,
        validate=experiments.validate,
        check_setting=experiments.check_setting,
        limits=trusted.limits,
        embed=trusted.embed,
        look=_look,
        learn=_learn,
    )
