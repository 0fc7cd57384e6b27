"""`python -m l2l` is the command `l2l`."""

from __future__ import annotations

import sys

from l2l.cli import main

if __name__ == "__main__":
    sys.exit(main())
