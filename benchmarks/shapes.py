"""The same network twice: ours, and Hugging Face's Qwen3 with one tied full table."""

from __future__ import annotations

import torch
import transformers

from model.config import ModelConfig
from model.turngpt import TurnGPT

SHAPE = ModelConfig(vocabulary=8192, width=256, layers=6, heads=4, head_width=64, mlp_width=704, context=512)


def ours() -> TurnGPT:
    """Return our network of the shape, initialised."""
    model = TurnGPT(SHAPE)
    model.initialise(1)
    return model


def theirs() -> transformers.Qwen3ForCausalLM:
    """Return the peer: the same trunk, the table full and tied."""
    torch.manual_seed(1)
    return transformers.Qwen3ForCausalLM(
        transformers.Qwen3Config(
            vocab_size=SHAPE.vocabulary,
            hidden_size=SHAPE.width,
            intermediate_size=SHAPE.mlp_width,
            num_hidden_layers=SHAPE.layers,
            num_attention_heads=SHAPE.heads,
            num_key_value_heads=SHAPE.heads,
            head_dim=SHAPE.head_width,
            max_position_embeddings=SHAPE.context,
            tie_word_embeddings=True,
        )
    )
