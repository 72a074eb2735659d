"""From a recipe to a run: device, data, model, plan and optimiser, new or from a checkpoint."""

from __future__ import annotations

from collections.abc import Callable

import torch

from engine.board import Board
from engine.chat import Chat
from engine.checkpoint import Checkpoint
from engine.curriculum import Curriculum
from engine.data.prepare import prepare
from engine.data.prepared import PreparedData
from engine.data.tokenizer import ChatTokenizer
from engine.describe import lexicon_of, model_config
from engine.device import Plan, choose_device
from engine.engine import EngineOptions
from engine.errors import UserError
from engine.meaning import Started, started_tokens, started_words
from engine.precision import choose_plan
from engine.recipe import Recipe
from engine.run import Run
from engine.session import Session
from engine.statistics import turn_vectors
from engine.status import Progress
from engine.trainer import Trainer
from model.config import ModelConfig
from model.stored import load_stored
from model.turngpt import TurnGPT

STATISTICS_TOKENS = 2_000_000


def load_model(checkpoint: Checkpoint) -> TurnGPT:
    """Return the network of a checkpoint, on the CPU."""
    model = TurnGPT(ModelConfig(**checkpoint.state["model"]))
    load_stored(model, checkpoint.model)
    return model


def chat_with(model: TurnGPT, tokenizer: ChatTokenizer, recipe: Recipe) -> Chat:
    """Return the chat of a model; it reads at most the longest rows that it was trained on."""
    longest = max(phase.length for phase in recipe.phases.values())
    return Chat(model, tokenizer, min(longest, model.config.context))


def set_up(
    session: Session,
    options: EngineOptions,
    board: Board,
    curriculum: Curriculum,
    restored: Checkpoint | None,
    report: Callable[[Progress], None],
    cancelled: Callable[[], bool],
) -> Run:
    """Prepare all a run needs; every choice made goes to the board with its reason.

    Raises UserError for data or a device that cannot be used, CancelledError when told to stop.
    """
    recipe = session.recipe
    device, why = choose_device(options.device)
    board.add_event("info", "choice", f"device {device}: {why}")
    only = None if restored is None else restored.state.get("sources")
    data = prepare(recipe, model_config(recipe).vocabulary, session.cache, report, cancelled, only)
    for note in data.notes:
        board.add_event("info", "data", note)
    started = None  # a checkpoint brings its own
    if restored is None:
        started = started_of(recipe, data.tokenizer)
        model = new_model(recipe, data, report, started)
        data.tokenizer.save(session.tokenizer)
    else:
        model = load_model(restored)
        if ChatTokenizer.load(session.tokenizer).fingerprint != data.tokenizer.fingerprint:
            raise UserError(
                "the data changed since this session began (its tokenizer comes out differently); "
                "give the same data, or start another --session"
            )
    model = model.to(device)
    chat = chat_with(model, data.tokenizer, recipe)
    plan = _plan(model, recipe, options, data, curriculum, device, restored, board, report)
    if restored is None and plan.tokens_per_second and curriculum.fit(plan.tokens_per_second):
        took = f"{curriculum.recipe.steps:,} of the recipe's {recipe.steps:,} steps"
        board.add_event("info", "choice", f"{took}, so that training takes about {recipe.minutes:g} minutes here")
    trainer = Trainer(model, recipe.optimizer, plan, started)
    if restored is not None:
        trainer.load_optimizer_tensors(restored.optimizer)
    board.update(device=plan.summary)
    return Run(session, board, curriculum, trainer, data, chat, restored.state if restored else None)


def new_model(
    recipe: Recipe, data: PreparedData, report: Callable[[Progress], None], started: Started | None
) -> TurnGPT:
    """Return a recipe's network as it begins; `started` is what `started_of` gives."""
    config = model_config(recipe, data.tokenizer.size)
    turns = None
    if recipe.model.start != "random":
        report(Progress("placing tokens by corpus statistics", 0, None))
        sample = data.token_sample(STATISTICS_TOKENS)
        tokenizer = data.tokenizer
        turns = turn_vectors(
            sample,
            config.vocabulary,
            config.turns,
            pad=tokenizer.pad_id,
            seed=recipe.seed,
            same_word=tokenizer.same_word(),
            started=started,
        )
    model = TurnGPT(config)
    model.initialise(recipe.seed, turns, induction=recipe.model.induction)
    return model


def started_of(recipe: Recipe, tokenizer: ChatTokenizer) -> Started | None:
    """Return the tokens that a recipe starts from the lexicon; UserError if there are none."""
    if recipe.model.start != "meaning":
        return None
    lexicon = lexicon_of(recipe)
    started = started_tokens(lexicon, started_words(recipe, lexicon), tokenizer)
    if not len(started.ids):
        raise UserError('none of the lexicon\'s words is in the data; give model.start = "statistics"')
    return started


def _plan(
    model: TurnGPT,
    recipe: Recipe,
    options: EngineOptions,
    data: PreparedData,
    curriculum: Curriculum,
    device: torch.device,
    restored: Checkpoint | None,
    board: Board,
    report: Callable[[Progress], None],
) -> Plan:
    if restored is not None:
        # The same arithmetic as before, so that resuming is exact.
        earlier = Plan(**restored.state["plan"])
        same_compile = options.compile in {"auto", "on" if earlier.compile else "off"}
        if earlier.device == str(device) and options.precision in {"auto", earlier.precision} and same_compile:
            return earlier
    # What this run will train of the recipe decides whether compiling pays.
    ahead, phase = curriculum.tokens_ahead, curriculum.phase
    if options.max_steps is not None:
        ahead = min(ahead, options.max_steps * phase.step_tokens)
    plan = choose_plan(
        model,
        data.batches(curriculum.name, "train").next(),
        recipe.optimizer,
        device,
        precision=options.precision,
        compile_=options.compile,
        tokens_ahead=ahead,
        seconds_ahead=curriculum.seconds_left,
        report=lambda what: report(Progress(what, 0, None)),
    )
    board.add_event("info", "choice", f"{plan.summary}: {plan.reason}")
    return plan
