"""The ``gradus`` command: its parts, and the one place where errors become messages."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from gradus.cli.doctor import doctor
from gradus.cli.evaluate import evaluate
from gradus.cli.info import info
from gradus.cli.lab import lab
from gradus.cli.predict import predict
from gradus.cli.screen import remark, say
from gradus.cli.train import train
from gradus.errors import DivergenceError, GradusError
from gradus.train.strict_json import to_json
from gradus.version import __version__

app = typer.Typer(
    name="gradus",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Neural networks you can see through: train on a table, predict, evaluate.",
)
for _command in (train, predict, evaluate, info, doctor):
    app.command()(_command)
app.add_typer(lab)

# The base of all errors in how a command was typed; Typer has no public name for it.
_USAGE: Any = typer.BadParameter.mro()[1]


def _say_version(wanted: bool) -> None:
    if wanted:
        say(f"gradus {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_say_version, is_eager=True),
    ] = False,
) -> None:
    """Options that need no command."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, and return its exit code.

    0: done. 1: training broke down, memory or the machine failed. 2: a mistake in
    what was asked or given. 130, 143: stopped by Ctrl-C or SIGTERM.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in words
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a letter shows its code; it is no reason to fail.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = app(words, prog_name="gradus", standalone_mode=False)
    except GradusError as error:
        _complain(error.rule, error.received, error.remedy, as_json)
        return 1 if isinstance(error, DivergenceError) else 2
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except MemoryError:
        _complain("not enough memory", None, "use smaller layers or a smaller table", as_json)
        return 1
    except OSError as error:
        _complain("the machine refused", str(error), None, as_json)
        return 1
    except _USAGE as error:
        _complain(error.format_message(), None, f"see {_help(error)}", as_json)
        return 2
    return code if isinstance(code, int) else 0


def _complain(rule: str, received: object, remedy: str | None, as_json: bool) -> None:
    """Say on standard error what went wrong, and what to do."""
    if as_json:
        found = None if received is None else str(received)
        sys.stderr.write(to_json({"error": rule, "received": found, "remedy": remedy}) + "\n")
        return
    remark(rule if received is None else f"{rule}; received {received}", "bold red")
    if remedy:
        remark(f"What to do: {remedy}")


def _help(error: Any) -> str:
    """The command that shows how to type the one that failed."""
    return f"{error.ctx.command_path if error.ctx else 'gradus'} --help"
