"""One preparation in a process of its own: prints its seconds and its peak memory in MB."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

from engine.data.files import read
from engine.data.packing import PackedBatches
from engine.data.shards import ShardWriter
from engine.data.tokenizer import ChatTokenizer

ROWS, LENGTH = 8, 512


def main(folder: Path, paths: list[Path]) -> None:
    """Read files, tokenise them into a shard, and pack all of it once."""
    tokenizer = ChatTokenizer.load(folder / "tokenizer.json")
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as name:
        with ShardWriter(Path(name) / "shard") as writer:
            writer.add(tokenizer.encode_documents(read(paths, "train")))
            shard = writer.finish({})
        batches = PackedBatches([shard], [1.0], ROWS, LENGTH, seed=1, repeats=1)
        for _ in islice(iter(batches.next, None), shard.tokens // (ROWS * LENGTH)):
            pass
    seconds = time.perf_counter() - began
    print(seconds, _peak_megabytes())


def _peak_megabytes() -> float:
    status = Path("/proc/self/status")
    if status.exists():  # Linux counts what the parent used into ru_maxrss
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1e3
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(one) for one in sys.argv[2:]])
