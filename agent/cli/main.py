"""The console script: registers the commands and turns every ending into a status of the contract."""

from __future__ import annotations

import os
import re
import sys
import traceback
from importlib.metadata import entry_points

import typer
from typer.exceptions import TyperException

from agent.cli import (
    assimilate,
    calibrate,
    chat,
    corpus,
    design,
    doctor,
    experiments,
    model,
    plan,
    predict,
    report,
    runs,
    simulate,
    surrogate,
)
from agent.cli.common import BAD_INPUT, FAILURE, WITHHELD, settings, stderr
from agent.errors import AgentError
from agent.runs import as_json, run_id, write_whole
from tools.errors import Failed, ToolError
from tools.experiments import add_folder

# A team of PyTorch's threads beside llama.cpp's makes libgomp put both to sleep at every barrier: the model then writes
# a third slower. The solver's kernels have threads of their own, and embedding in bulk asks for a team while it lasts.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# LangGraph's tracing would send every request to a service elsewhere wherever these are set for another program.
os.environ.update(LANGSMITH_TRACING="false", LANGCHAIN_TRACING_V2="false")

app = typer.Typer(
    name="labwright",
    help="Plans laboratory experiments, and shows nothing that has not been checked.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def before() -> None:
    """Make the user's own experiments known to every command."""
    for folder in settings().experiment_folders:
        add_folder(folder)


app.command("plan")(plan.plan)
app.command("ask")(plan.ask)
app.command("chat")(chat.chat)
app.command("simulate")(simulate.simulate)
app.command("predict")(predict.predict)
app.command("calibrate")(calibrate.calibrate)
app.command("design")(design.design)
app.command("assimilate")(assimilate.assimilate)
app.command("report")(report.report)
app.command("runs")(runs.runs)
app.command("experiments")(experiments.experiments)
app.command("doctor")(doctor.doctor)
app.add_typer(corpus.app, name="corpus")
app.add_typer(model.app, name="model")
app.add_typer(surrogate.app, name="surrogate")
for entry in entry_points(group="labwright.commands"):
    app.command(entry.name)(entry.load())


_PAIR = re.compile(r"([^=-][^=]*:)?[A-Za-z_]\w*=.*", re.DOTALL)
_NAMES = re.compile(r"[A-Za-z_]\w*(,[A-Za-z_]\w*)*")
_LIMITS = re.compile(r"[A-Za-z_]\w*\s*(<=|>=|[=<>≤≥]).+", re.DOTALL)
_FILES = re.compile(r"[^-\s]\S*\.csv", re.IGNORECASE)
_TAKES_MANY = {
    "--data": _FILES,
    **dict.fromkeys(("--set", "--prior", "--bound", "--predict", "--target", "--spread"), _PAIR),
    **dict.fromkeys(("--limit", "--vary"), _LIMITS),
    **dict.fromkeys(("--fit", "--separate", "--nuisance"), _NAMES),
}


def spread(arguments: list[str]) -> list[str]:
    """Let `--set A=1 B=2` and `--fit a b` (or `a,b`) mean the option repeated for each value."""
    out: list[str] = []
    option, unread = "", False  # the option whose values are being read, and whether it has none yet
    for argument in arguments:
        fits = option and _TAKES_MANY[option].fullmatch(argument)
        if fits:
            values = argument.split(",") if _TAKES_MANY[option] is _NAMES else [argument]
            out += [word for value in values for word in (option, value)]
            unread = False
            continue
        out += [option] if unread else []
        option, unread = (argument, True) if argument in _TAKES_MANY else ("", False)
        out += [] if option else [argument]
    return [*out, option] if unread else out


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit with the contract's status."""
    given = spread(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    as_object = "--json" in given
    try:
        status = app(args=given, standalone_mode=False) or 0
    except typer.Exit as ending:
        status = ending.exit_code
    except typer.Abort:
        status = _say("stopped", BAD_INPUT, as_object)
    except TyperException as error:
        told = error.format_message() if hasattr(error, "format_message") else str(error)
        status = _say(f"{told} ('labwright --help' lists the commands)", BAD_INPUT, as_object)
    except Failed as error:
        status = _say(str(error), WITHHELD, as_object)
    except (AgentError, ToolError) as error:
        status = _say(str(error), BAD_INPUT, as_object)
    except KeyboardInterrupt:
        status = _say("stopped by the keyboard; a thread can be continued with --thread", FAILURE, as_object)
    except Exception:
        status = _report_failure(as_object)
    sys.exit(int(status))


def _say(message: str, status: int, as_object: bool) -> int:
    """Tell the reason in one line on stderr, and in the JSON object when one was asked for."""
    line = " ".join(message.split())
    stderr.print(f"labwright: {line}", markup=False, soft_wrap=True)
    if as_object:
        kind = {BAD_INPUT: "bad_input", WITHHELD: "withheld"}.get(status, "failed")
        sys.stdout.write(as_json({"status": kind, "reason": line}) + "\n")
    return status


def _report_failure(as_object: bool) -> int:
    """Keep the traceback in a file and name it: an unexpected failure is ours, not the user's."""
    identifier = run_id("failure")
    target = settings().home / "failures" / f"{identifier}.txt"
    write_whole(target, traceback.format_exc())
    return _say(f"our own failure, please report run {identifier} (details in {target})", FAILURE, as_object)
