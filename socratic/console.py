"""What both command lines share: errors as one line, JSON alone on stdout, tables for people."""

import json
import logging
import os
import sys
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from socratic.errors import SocraticError

WorkspaceOption = Annotated[
    Path | None,
    typer.Option("--workspace", metavar="DIR", help="Where runs are kept ($SOCRATIC_HOME)."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]


def run(app: typer.Typer) -> None:
    """Run a command line; an error of ours becomes one line on stderr and its exit status."""
    quiet_libraries()
    try:
        app()
    except SocraticError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # The reader (`| head`) has seen enough; Python would complain again while it closes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def quiet_libraries() -> None:
    """Keep the libraries' own chatter out of logs and terminals; errors still come through."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message=".*Unable to fetch remote file.*")
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")


def print_json(value: Any) -> None:
    """Print `value` as JSON on stdout."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; cells are text, never markup."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(cell.replace("[", "\\[") for cell in row))
    # What reads a pipe has no edge to wrap at.
    Console(width=None if sys.stdout.isatty() else 240).print(table)
