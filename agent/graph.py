"""The way of a request through the agent; nothing is compiled at import.

```
receive -> understand -> retrieve -> learn -> compute -> draft -> check -> show
               |  ^          |                             ^        |
               v  |          +------- (a question) --------+        +-> compute or draft again, at most twice
              ask-+                                                 +-> withhold
```
"""

from __future__ import annotations

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from agent.context import Context
from agent.nodes.ask import ask
from agent.nodes.check import check
from agent.nodes.compute import compute
from agent.nodes.draft import draft
from agent.nodes.learn import learn
from agent.nodes.receive import receive
from agent.nodes.retrieve import retrieve
from agent.nodes.show import show
from agent.nodes.understand import understand
from agent.nodes.withhold import withhold
from agent.state import Request, Result, State


def build_graph(
    checkpointer: BaseCheckpointSaver[str] | None = None,
) -> CompiledStateGraph[State, Context, Request, Result]:
    """Compile the graph; settings, model and tools come as the run's `Context`."""
    builder = StateGraph(State, context_schema=Context, input_schema=Request, output_schema=Result)
    for node in (receive, understand, ask, retrieve, learn, compute, draft, check, show, withhold):
        builder.add_node(node.__name__, node)
    builder.add_edge(START, "receive")
    builder.add_edge("receive", "understand")
    builder.add_edge("draft", "check")
    builder.add_edge("show", END)
    builder.add_edge("withhold", END)
    return builder.compile(checkpointer=checkpointer)
