"""How far a source of unknown length is read: by the bytes that it takes on the disk, packed as they are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Position:
    """Bytes read of bytes there are; readers keep it up to date about once a block."""

    whole: int = 0
    """Of all that is to be read; 0 as long as nobody knows."""
    before: int = 0
    """Of the files that are read."""
    here: int = 0
    """Of the file that is being read."""

    def passed(self, size: int) -> None:
        """Count a file of `size` bytes as read."""
        self.before, self.here = self.before + size, 0

    @property
    def share(self) -> float:
        """How much is read, 0 to 1; 0 as long as nobody knows."""
        return min(1.0, (self.before + self.here) / self.whole) if self.whole else 0.0
