"""Placeholder by the lead so that `python -m training` imports: helper-1 replaces this file."""

import typer

app = typer.Typer(no_args_is_help=True)


@app.callback()
def main() -> None:
    """Make and check the miniature family."""


@app.command("build")
def build() -> None:
    """Build."""
