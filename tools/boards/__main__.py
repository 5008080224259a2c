"""`python -m tools.boards`: write the boards."""

import json
from pathlib import Path

from tools.boards.boards import BOARDS
from tools.boards.panels import Board

FOLDER = Path(__file__).parents[2] / "deploy/monitoring/dashboards"


def text(board: Board) -> str:
    return json.dumps(board.document(), indent=1) + "\n"


def file(board: Board) -> Path:
    return FOLDER / f"{board.name}.json"


if __name__ == "__main__":
    for each in BOARDS:
        file(each).write_text(text(each))
