import math

import pytest
import torch
import transformers

from engine.optim import build_optimizer
from engine.recipe import OptimizerSettings
from model.config import ModelConfig
from model.grid import in_bf16
from model.loss import IGNORED, summed_cross_entropy
from model.turngpt import TurnGPT


def small(head: str = "turns") -> TurnGPT:
    model = TurnGPT(ModelConfig(300, 32, 2, 2, 16, 64, 64, turns=16, head=head))  # type: ignore[arg-type]
    model.initialise(1)
    return model


def shaken(model: TurnGPT) -> TurnGPT:
    """The output projections start at zero, which would hide the layers."""
    source = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=source), alpha=0.1)
    return model


def row(*lengths: int) -> tuple[torch.Tensor, torch.Tensor]:
    segments = torch.cat([torch.full((n,), i + 1) for i, n in enumerate(lengths)])[None]
    ids = torch.randint(0, 300, segments.shape, generator=torch.Generator().manual_seed(3))
    return ids, segments


@pytest.mark.parametrize("head", ["turns", "table"])
def test_an_untrained_model_is_as_unsure_as_chance(head):
    ids, segments = row(64)
    loss = small(head).loss(ids, ids.roll(-1), segments).detach() / ids.numel()
    assert float(loss) == pytest.approx(math.log(300), rel=0.15)


def test_nothing_later_is_seen():
    model = shaken(small())
    ids, segments = row(16)
    changed = ids.clone()
    changed[0, 9] = (changed[0, 9] + 1) % 300
    before, after = model(ids, segments), model(changed, segments)
    torch.testing.assert_close(before[:, :9], after[:, :9])
    assert not torch.allclose(before[:, 9:], after[:, 9:])


def test_documents_of_one_row_do_not_see_each_other():
    model = shaken(small())
    ids, segments = row(6, 10)
    together = model(ids, segments)
    alone = model(ids[:, 6:], segments[:, 6:])
    torch.testing.assert_close(together[:, 6:], alone, rtol=1e-4, atol=1e-4)


def test_ignored_targets_are_not_learned():
    model = shaken(small())
    ids, segments = row(16)
    targets = torch.full_like(ids, IGNORED)
    assert model.loss(ids, targets, segments).item() == 0.0
    targets[0, 3] = 5
    expected = torch.nn.functional.cross_entropy(model(ids, segments)[0, 3], torch.tensor(5))
    torch.testing.assert_close(model.loss(ids, targets, segments), expected)


@pytest.mark.parametrize("head", ["turns", "table"])
def test_every_parameter_gets_a_gradient_and_moves(head):
    model = small(head)
    optimizer = build_optimizer(model, OptimizerSettings())
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    ids, segments = row(48)
    for _ in range(2):  # zero projections let gradients through to the rest from the second step on
        (model.loss(ids, ids.roll(-1), segments) / ids.numel()).backward()
        for group in optimizer.param_groups:
            group["lr"] = 0.01
        optimizer.step()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name
        assert not torch.equal(parameter, before[name]), name


def test_initialisation_is_reproducible():
    first, second, other = small(), small(), small()
    other.initialise(2)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert not torch.equal(first.embedding.turns, other.embedding.turns)


def test_the_trunk_is_exactly_qwen3():
    """The same weights in Hugging Face's Qwen3 give the same logits."""
    model = shaken(small("table"))
    c = model.config
    config = transformers.Qwen3Config(
        vocab_size=c.vocabulary,
        hidden_size=c.width,
        intermediate_size=c.mlp_width,
        num_hidden_layers=c.layers,
        num_attention_heads=c.heads,
        num_key_value_heads=c.heads,
        head_dim=c.head_width,
        max_position_embeddings=c.context,
        rms_norm_eps=c.norm_epsilon,
        rope_theta=c.rope_base,
        rope_parameters={"rope_type": "default", "rope_theta": c.rope_base},
        tie_word_embeddings=False,
        attention_bias=False,
    )
    theirs = transformers.Qwen3ForCausalLM(config).eval()
    weights = {"model.embed_tokens.weight": model.embedding.table(), "lm_head.weight": in_bf16(model.head)}
    weights["model.norm.weight"] = model.norm.weight
    for index, block in enumerate(model.blocks):
        prefix = f"model.layers.{index}."
        q, k, v = block.attention.qkv.weight.chunk(3)
        gate, up = block.mlp.gate_up.weight.chunk(2)
        weights |= {
            f"{prefix}self_attn.q_proj.weight": q,
            f"{prefix}self_attn.k_proj.weight": k,
            f"{prefix}self_attn.v_proj.weight": v,
            f"{prefix}self_attn.o_proj.weight": block.attention.out.weight,
            f"{prefix}self_attn.q_norm.weight": block.attention.q_norm.weight,
            f"{prefix}self_attn.k_norm.weight": block.attention.k_norm.weight,
            f"{prefix}mlp.gate_proj.weight": gate,
            f"{prefix}mlp.up_proj.weight": up,
            f"{prefix}mlp.down_proj.weight": block.mlp.down.weight,
            f"{prefix}input_layernorm.weight": block.attention_norm.weight,
            f"{prefix}post_attention_layernorm.weight": block.mlp_norm.weight,
        }
    theirs.load_state_dict(weights, strict=True)
    ids, segments = row(32)
    with torch.no_grad():
        torch.testing.assert_close(model(ids, segments), theirs(ids).logits, rtol=1e-3, atol=1e-3)


def test_cross_entropy_is_that_of_the_library():
    source = torch.Generator().manual_seed(4)
    logits = (20 * torch.randn(7, 50, generator=source)).requires_grad_()
    targets = torch.randint(0, 50, (7,), generator=source)
    targets[2] = IGNORED
    expected = torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
    (expected_gradient,) = torch.autograd.grad(3 * expected, logits)
    ours = summed_cross_entropy(logits, targets)
    (gradient,) = torch.autograd.grad(3 * ours, logits)
    torch.testing.assert_close(ours, expected)
    torch.testing.assert_close(gradient, expected_gradient)


def test_the_loss_is_that_of_all_logits_where_something_is_learned():
    model = shaken(small())
    ids, segments = row(6, 10)
    targets = ids.roll(-1).masked_fill(torch.arange(16) % 3 == 0, IGNORED)
    expected = torch.nn.functional.cross_entropy(
        model(ids, segments).flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum"
    )
    torch.testing.assert_close(model.loss(ids, targets, segments), expected)
