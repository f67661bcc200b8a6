"""`labwright corpus`: the trusted corpus."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from agent.cli.common import WITHHELD, Json, emit, finish, progress, settings, stdout
from agent.errors import BadRequest

app = typer.Typer(help="The trusted corpus: list, search, verify.", no_args_is_help=True)


@app.command("list")
def list_documents(as_object: Json = False) -> None:
    """List the documents that are served, and those that are not with the reason."""
    from agent.build import corpus

    with progress("reading the manifest") as notify:
        library = corpus(settings(), notify).listing()
    emit(library, as_object=as_object)
    if as_object:
        return
    table = Table("document", "kind", "reviewed", "by", "title", box=None)
    for row in library["documents"]:
        table.add_row(row["id"], row["kind"], row["reviewed"], row["reviewer_role"], row["title"])
    stdout.print(table)
    for row in library["rejected"]:
        stdout.print(f"not served: {row['id']}: {row['reason']}", markup=False)


@app.command("search")
def search(
    question: Annotated[str, typer.Argument(help="What to look for.")],
    limit: Annotated[int, typer.Option(min=1, max=50)] = 5,
    as_object: Json = False,
) -> None:
    """Find the passages that fit a question best."""
    from agent.build import corpus

    if not question.strip():
        raise BadRequest("the question is empty; ask in a few words")
    with progress("searching") as notify:
        trusted = corpus(settings(), notify)
        hits = [_row(hit) for hit in trusted.hits(question, limit=limit)]
        trusted.close()
    emit({"status": "answered" if hits else "withheld", "hits": hits}, as_object=as_object)
    if not as_object:
        for hit in hits:
            place = f"{hit['document']}, {hit['section']} (characters {hit['start']} to {hit['end']})"
            stdout.print(f"{place}, score {hit['score']:.3f}", markup=False)
            stdout.print(f"  {hit['quote']}\n", markup=False)
    if not hits:
        finish(WITHHELD)


@app.command("verify")
def verify(as_object: Json = False) -> None:
    """Hold every document against the manifest."""
    from agent.build import corpus

    with progress("hashing the documents") as notify:
        library = corpus(settings(), notify).listing()
    ok = not library["rejected"]
    result: dict[str, Any] = {"status": "pass" if ok else "fail", **library}
    emit(result, as_object=as_object)
    if not as_object:
        stdout.print(f"{len(library['documents'])} documents match the manifest, {len(library['rejected'])} do not")
        for row in library["rejected"]:
            stdout.print(f"{row['id']}: {row['reason']}", markup=False)
    if not ok:
        finish(WITHHELD)


def _row(hit: Any) -> dict[str, Any]:
    passage = hit.passage
    return {
        "document": passage.document,
        "section": passage.section,
        "start": passage.start,
        "end": passage.end,
        "quote": passage.text,
        "sha256": passage.sha256,
        "score": hit.score,
    }
