"""What a model is not given: documents between the sources and the mix.

Each filter is a small class with a name and a reason. Those in `shape`, `proper`, `language` and `wording` look at one
message or text at a time; a conversation keeps its longest stretch of good messages. `duplicates` and `balance` look at
a document beside those before it. `stage` runs them in order and counts (`report`).
"""

from __future__ import annotations

from engine.data.filters.report import FilterReport
from engine.data.filters.stage import FilterStage, FilterState, filtered

__all__ = ["FilterReport", "FilterStage", "FilterState", "filtered"]
