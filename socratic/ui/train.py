"""The Train tab: what to train above, every run below."""

from typing import Any

from socratic.access import OWNER, Access
from socratic.ui import train_live, train_setup
from socratic.ui.run_views import Board
from socratic.ui.train_live import Live


def build(page: Any, board: Board, access: Access = OWNER) -> Live:
    """Draw the tab and connect it; loading the `page` restores what it showed.

    On a public page there is only the lower half, and nothing one could do to a run.
    """
    if not access.public:
        train_setup.build(page, board.workspace)
    return train_live.build(page, board, access)
