"""A network as it is stored: the token table's numbers as the small integers they are, exactly as trained with.

Turns are several to a byte, the generator a byte a number with a factor a row, origin, bias and a full head bf16; the
trunk is fp32. A reader gets the logits that training has: on the same device in fp32, to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from model.grid import pack, positions, rows_of_bytes, step, unpack
from model.layout import regions
from model.turngpt import TurnGPT

TURNS, MATRIX, FACTORS = "embedding.turns", "embedding.matrix", "embedding.factors"
IN_BF16 = ("embedding.origin", "bias", "head")


def rounded_parameters(model: TurnGPT) -> dict[str, Tensor]:
    """Return those parameters whose free values, behind the rounded ones, only training needs."""
    return {name: value for name, value in model.named_parameters() if name in (TURNS, MATRIX, *IN_BF16)}


@torch.no_grad()
def stored_tensors(model: TurnGPT) -> dict[str, Tensor]:
    """Return all that is to be stored of a network, on the CPU."""
    tensors = {name: tensor.cpu() for name, tensor in model.state_dict().items()}
    turns = tensors.pop(TURNS)
    for name, rows, columns, levels in regions(model.config):
        tensors[f"{TURNS}.{name}"] = pack(positions(turns[rows, columns], levels), levels)
    numbers, factors = rows_of_bytes(tensors[MATRIX])
    tensors |= {MATRIX: numbers.to(torch.int8), FACTORS: factors.bfloat16()}
    return tensors | {name: tensors[name].bfloat16() for name in IN_BF16 if name in tensors}


def load_stored(model: TurnGPT, tensors: Mapping[str, Tensor]) -> None:
    """Set a network's parameters from `stored_tensors`' result; raises KeyError or RuntimeError if they are not its."""
    tensors = dict(tensors)
    turns = torch.empty_like(model.embedding.turns, device="cpu")
    for name, rows, columns, levels in regions(model.config):
        found = unpack(tensors.pop(f"{TURNS}.{name}"), columns.stop - columns.start, levels)
        turns[rows, columns] = found * step(levels)
    tensors[TURNS] = turns
    tensors[MATRIX] = tensors[MATRIX] * tensors.pop(FACTORS).float()[:, None]
    model.load_state_dict(tensors)
