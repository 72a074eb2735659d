"""The program `turngpt-tui`, also as `python -m turngpt_tui`."""

from __future__ import annotations

import sys

from turngpt_tui.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
