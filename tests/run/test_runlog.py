"""The log of a run whose folder is out of reach for a while."""

from __future__ import annotations

import logging
from pathlib import Path

from l2l.runlog import RunLog


def test_what_is_said_while_the_folder_is_away_is_written_later(tmp_path: Path) -> None:
    home, away = tmp_path / "run", tmp_path / "away"
    home.mkdir()
    handler = RunLog(home / "run.log")
    home.rename(away)
    handler.handle(logging.makeLogRecord({"msg": "first", "levelname": "INFO"}))
    assert not home.exists()
    away.rename(home)
    handler.handle(logging.makeLogRecord({"msg": "second", "levelname": "INFO"}))
    handler.close()
    words = [line.split()[-1] for line in (home / "run.log").read_text().splitlines()]
    assert words == ["first", "second"]
