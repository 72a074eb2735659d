"""Turn vectors from corpus statistics: words used alike start alike.

Co-occurrence of tokens within four positions, weighted by 1 / distance; positive pointwise mutual
information with context counts to the power 0.75 (Levy et al. 2015); a truncated singular value
decomposition, U times the root of S; each dimension replaced by its ranks spread evenly over -10..10.
The last few turns are drawn at random instead: words used alike, as names are, would be hard to tell apart, and what
cannot be told apart cannot be repeated (docs/experiments.md). The tokens of one word, with a capital or a space
before it and without, have the same of these, so that what was said in one form can be repeated in another.
A million tokens and a vocabulary of 4096 take a few seconds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from engine.meaning import Started, on_axes
from model.config import TURN_RANGE

IDENTITY = 16
"""Turns, at most a quarter of them, that are at random, so that each word is itself."""
WINDOW = 4
CONTEXT_POWER = 0.75
_CHUNK = 1 << 20


def turn_vectors(
    ids: np.ndarray,
    vocabulary: int,
    turns: int,
    *,
    pad: int,
    seed: int,
    same_word: Sequence[int] | None = None,
    started: Started | None = None,
) -> Tensor:
    """Return start values for the turn table, (vocabulary, turns) fp32 in -10..10, deterministic by seed.

    `ids` is running text, documents separated by `pad`, which is never counted. `same_word` gives for each token one of
    its word, the same for all of them; without it each token is a word of its own. With `started` the first turns are
    the named axes.
    """
    counts = _cooccurrence(ids.astype(np.int64), vocabulary, pad)
    rows, columns = counts.indices()
    weights = counts.values()
    row_sums = torch.zeros(vocabulary, dtype=torch.float64).index_add_(0, rows, weights)
    context = row_sums**CONTEXT_POWER
    expected = row_sums[rows] * (context / context.sum())[columns]
    information = torch.log(weights / expected).clamp_min_(0).float()
    matrix = torch.sparse_coo_tensor(counts.indices(), information, (vocabulary, vocabulary), check_invariants=False)
    matrix = matrix.coalesce()
    axes = 0 if started is None else started.values.shape[1]
    rank = min(max(0, turns - axes - min(IDENTITY, turns // 4)), vocabulary)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        u, s, _ = torch.svd_lowrank(matrix, q=min(rank + 16, vocabulary), niter=4)
        statistics = u * s.sqrt()
        vectors = statistics[:, :rank]
        # Tokens never seen have all zeros; noise far below the rest gives each its own rank.
        vectors = vectors + 1e-6 * torch.randn(vectors.shape)
        if rank < turns - axes:
            identity = torch.randn(vocabulary, turns - axes - rank)
            if same_word is not None:
                identity = identity[list(same_word)]
            vectors = torch.cat((vectors, identity), dim=1)
    ranks = vectors.argsort(dim=0).argsort(dim=0).float()
    spread = (ranks / max(1, vocabulary - 1) * 2 - 1) * TURN_RANGE
    return spread if started is None else torch.cat((on_axes(statistics, started), spread), dim=1)


def _cooccurrence(ids: np.ndarray, vocabulary: int, pad: int) -> Tensor:
    """Return weighted counts of token pairs as a coalesced sparse matrix, (vocabulary, vocabulary) fp64."""
    nothing = torch.empty(2, 0, dtype=torch.long), torch.empty(0, dtype=torch.float64)
    total = torch.sparse_coo_tensor(*nothing, (vocabulary, vocabulary), check_invariants=False).coalesce()
    for start in range(0, len(ids), _CHUNK):
        part = ids[start : start + _CHUNK + WINDOW]
        keys, weights = [], []
        for distance in range(1, WINDOW + 1):
            left, right = part[:-distance], part[distance:]
            real = (left != pad) & (right != pad)
            found, counts = np.unique(left[real] * vocabulary + right[real], return_counts=True)
            keys.append(found)
            weights.append(counts / distance)
        pairs = torch.from_numpy(np.concatenate(keys))
        values = torch.from_numpy(np.concatenate(weights))
        indices = torch.stack((pairs // vocabulary, pairs % vocabulary))
        both_ways = torch.cat((indices, indices.flip(0)), dim=1)
        chunk = torch.sparse_coo_tensor(
            both_ways, torch.cat((values, values)), (vocabulary, vocabulary), check_invariants=False
        )
        total = (total + chunk).coalesce()
    return total
