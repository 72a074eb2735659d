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
    # Linux counts in KB, macOS in bytes.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e3 if sys.platform == "linux" else 1e6)
    print(seconds, peak)


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(one) for one in sys.argv[2:]])
