"""Run every benchmark, or the named ones: `python -m benchmarks training generation console`."""

from __future__ import annotations

import importlib
import sys

NAMES = ("training", "generation", "console", "data")

for name in sys.argv[1:] or NAMES:
    if name not in NAMES:
        sys.exit(f"no benchmark named {name!r}; there are {', '.join(NAMES)}")
    print(f"\n== {name} ==")
    importlib.import_module(f"benchmarks.{name}").main()
