"""The Train tab: what to train above, every run below."""

from typing import Any

from socratic.ui import train_live, train_setup
from socratic.ui.run_views import Board


def build(page: Any, board: Board) -> None:
    """Draw the tab and connect it; loading the `page` restores what it showed."""
    train_setup.build(page, board.workspace)
    train_live.build(page, board)
