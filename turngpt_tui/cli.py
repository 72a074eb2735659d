"""The command line.

Modules that take long to import are imported by the commands that need them, so `--help` stays quick. Every
error is one line on stderr: exit status 2 for what the user gave, 1 for what failed.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from engine.errors import EngineError, UserError
from turngpt_tui import __version__

if TYPE_CHECKING:
    from engine.engine import Engine
    from engine.session import Session

PROGRAM = "turngpt-tui"

app = typer.Typer(
    name=PROGRAM,
    help="Train a small conversational language model in the terminal, and talk to it while it learns.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

SessionsDir = Annotated[
    Path | None,
    typer.Option("--sessions-dir", metavar="FOLDER", help="Where sessions are kept."),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Device = Annotated[
    str, typer.Option("--device", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps.", show_default=True)
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    _survive_odd_bytes()
    try:
        return int(app(given, prog_name=PROGRAM, standalone_mode=False) or 0)
    except typer.exceptions.TyperException as error:
        return _report(error, given, 2, error.format_message())
    except UserError as error:
        return _report(error, given, 2, f"{error}")
    except EngineError as error:
        return _report(error, given, 1, f"{error}")
    except typer.Abort:
        return 130
    except Exception as error:  # noqa: BLE001 - the last place that can say what went wrong
        notes = getattr(error, "__notes__", None) or ["run again with --debug for the traceback"]
        return _report(error, given, 1, f"internal error: {type(error).__name__}: {error} ({notes[-1]})")


def _report(error: BaseException, arguments: list[str], status: int, text: str) -> int:
    from turngpt_tui.output import one_line

    if "--debug" in arguments:
        import traceback

        sys.stderr.write("".join(traceback.format_exception(error)))
    sys.stderr.write(f"{PROGRAM}: {one_line(text)}\n")
    return status


def _survive_odd_bytes() -> None:
    """Replace what cannot be decoded or encoded instead of failing over it."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"{PROGRAM} {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def train(
    context: typer.Context,
    *,
    train_only: Annotated[bool, typer.Option("--train-only", help="Train without the console.")] = False,
    recipe: Annotated[
        str | None,
        typer.Option(metavar="NAME|FILE", help="What to do; `recipes` lists them. Default: quick."),
    ] = None,
    session: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The session to begin or go on with. Default: the recipe's name."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a recipe's value: phases.foundation.steps=100."),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH", help="Train on files or folders; SET=PATH: for a set of the hub."),
    ] = None,
    lexicon: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="Start from meaning, with the words of this lexicon as well."),
    ] = None,
    size: Annotated[str | None, typer.Option(metavar="NAME", help="tiny, small, base, medium or large.")] = None,
    device: Device = "auto",
    precision: Annotated[
        Literal["auto", "fp32", "bf16"], typer.Option(help="Auto takes the fastest that is sound.")
    ] = "auto",
    max_steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Stop and save after this many steps.")
    ] = None,
    max_time: Annotated[
        str | None, typer.Option(metavar="TIME", help="Stop and save after this time: 90, 90s, 5m, 1h30m.")
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="The seed of everything random.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be trained, and end.")] = False,
    sessions_dir: SessionsDir = None,
    debug: Debug = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version, and end."),
    ] = False,
) -> None:
    """Train a small conversational language model in the terminal, and talk to it while it learns.

    Without a command: open the console on a session, new or begun before. A session that exists goes on where
    it was.
    """
    del debug, version
    if context.invoked_subcommand is not None:
        _refuse_training_options(context)
        return
    from engine.session import sessions_root
    from turngpt_tui.arguments import check_device, overrides_of, parse_time, recipe_of

    seconds = None if max_time is None else parse_time(max_time)
    check_device(device)
    root = sessions_root(sessions_dir)
    plan, name = recipe_of(root, recipe, session, overrides_of(set_ or [], data or [], size, seed, lexicon or []))
    if dry_run:
        from turngpt_tui.describe import description

        typer.echo(description(plan, name))
        return

    from engine.engine import Engine, EngineOptions
    from engine.session import Session

    opened = Session.open(root, name, plan)
    options = EngineOptions(device=device, precision=precision, max_steps=max_steps, max_seconds=seconds)
    raise typer.Exit(
        _train(
            Engine(opened.recipe, opened, options),
            opened,
            console=not train_only,
            limited=bool(max_steps or seconds),
        )
    )


def _train(engine: Engine, session: Session, *, console: bool, limited: bool) -> int:
    """Open the console, or train without it; return the exit status."""
    from turngpt_tui.output import has_terminal

    if console and not has_terminal():
        typer.echo("There is no terminal to draw on: training without the console, as --train-only does.")
        console = False
    try:
        if console:
            from turngpt_tui.app import run

            return run(engine)
        from turngpt_tui import headless

        return headless.train(engine, session, limited=limited)
    except (UserError, EngineError, BrokenPipeError):
        raise
    except Exception as error:
        _keep_traceback(session, error)
        raise


def _keep_traceback(session: Session, error: Exception) -> None:
    """Write an unexpected error to the session's log, and note on it where that is."""
    from engine.log import close_log, logger, open_log

    handler = open_log(session.log)
    logger.error("internal error", exc_info=error)
    close_log(handler)
    error.add_note(f"the traceback is in {session.log}")


@app.command()
def chat(
    context: typer.Context,
    *,
    session: Annotated[str | None, typer.Option(metavar="NAME", help="The session whose model answers.")] = None,
    temperature: Annotated[float, typer.Option(help="0 takes the likeliest token.")] = 0.3,
    top_k: Annotated[int, typer.Option(min=0, help="Draw from the likeliest K tokens; 0 from all.")] = 40,
    top_p: Annotated[float, typer.Option(help="Draw from the likeliest tokens that make up this share.")] = 0.95,
    seed: Annotated[int | None, typer.Option(min=0, metavar="N", help="Repeat the same draws.")] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="The longest reply.")] = 120,
    device: Device = "auto",
    sessions_dir: SessionsDir = None,
    debug: Debug = False,
) -> None:
    """Talk to a session's model; in a pipe, a line in gives a line out, and /reset begins a new conversation."""
    del debug
    from engine.engine import Engine, EngineOptions
    from engine.session import Session, sessions_root
    from engine.status import Sampling
    from turngpt_tui import repl
    from turngpt_tui.arguments import DEFAULT_RECIPE, check_device

    above = context.parent.params if context.parent else {}
    given = above.get("session") if session is None else session
    name = DEFAULT_RECIPE if given is None else given
    check_device(device)
    if not 0 <= temperature <= 10:
        raise UserError(f"--temperature {temperature}: give a number from 0 to 10")
    if not 0 < top_p <= 1:
        raise UserError(f"--top-p {top_p}: give a number above 0, at most 1")
    sampling = Sampling(temperature, top_k, top_p, max_tokens=max_tokens, seed=seed)
    opened = Session.open(sessions_root(sessions_dir or above.get("sessions_dir")), name, None)
    engine = Engine(opened.recipe, opened, EngineOptions(device=device))
    raise typer.Exit(repl.chat(engine, opened, sampling))


@app.command()
def sessions(
    context: typer.Context, as_json: Json = False, sessions_dir: SessionsDir = None, debug: Debug = False
) -> None:
    """List the sessions there are."""
    del debug
    from engine.session import list_sessions, sessions_root
    from turngpt_tui.describe import sessions_json, sessions_table

    above = context.parent.params if context.parent else {}
    root = sessions_root(sessions_dir or above.get("sessions_dir"))
    found = list_sessions(root)
    typer.echo(sessions_json(root, found) if as_json else sessions_table(root, found))


@app.command()
def recipes(as_json: Json = False, debug: Debug = False) -> None:
    """List the recipes that ship with the program."""
    del debug
    from engine.recipe import shipped_recipes
    from turngpt_tui.describe import recipes_json
    from turngpt_tui.output import table

    found = shipped_recipes()
    typer.echo(recipes_json(found) if as_json else table(list(found.items())))


@app.command()
def data(
    *,
    recipe: Annotated[str, typer.Option(metavar="NAME|FILE", help="Whose data.")] = "quick",
    paths: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="PATH", help="Files or folders; SET=PATH: for a set of the hub."),
    ] = None,
    report: Annotated[bool, typer.Option("--report", help="Measure the text: variety, topics, speed.")] = False,
    beside: Annotated[
        list[str] | None, typer.Option(metavar="PATH", help="Measure these files or folders as well.")
    ] = None,
    tokens: Annotated[int, typer.Option(min=1000, metavar="N", help="How much text to measure.")] = 500_000,
    samples: Annotated[int, typer.Option(min=0, metavar="N", help="Print N documents of each source.")] = 0,
    seed: Annotated[int | None, typer.Option(metavar="N", help="Another seed gives other documents.")] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """Show what a recipe reads: its sources, documents of each, and a report on the text."""
    del debug
    from engine.data.files import read
    from engine.data.sources import Sources
    from engine.data.survey import survey, variety_of
    from engine.recipe import load_recipe
    from engine.session import cache_of, sessions_root
    from turngpt_tui import corpus
    from turngpt_tui.arguments import overrides_of
    from turngpt_tui.output import one_line

    plan = load_recipe(recipe, overrides_of([], paths or [], None, seed))
    if as_json and (samples or not report):
        raise UserError("--json goes with --report alone")
    notes: list[str] = []
    sources = Sources(plan.data, plan.seed, cache_of(sessions_root(None)), corpus.teller(sys.stderr), notes)
    if report:
        found = survey(plan, tokens, sources)
        others = {path: variety_of(read([Path(path)], "train"), tokens) for path in beside or ()}
        typer.echo(corpus.survey_json(found, others) if as_json else corpus.survey_text(found, others))
    elif beside:
        raise UserError("--beside goes with --report")
    elif not samples:
        typer.echo(corpus.sources_table(plan, sources))
    for text in corpus.samples(plan, samples, sources) if samples else ():
        typer.echo(text)
    for note in notes:
        typer.echo(one_line(note), err=True)


@app.command()
def turns(
    context: typer.Context,
    expression: Annotated[
        str | None, typer.Argument(metavar="[EXPRESSION]", help="As 'king - man + woman'; without: the named axes.")
    ] = None,
    *,
    session: Annotated[str | None, typer.Option(metavar="NAME", help="Whose words.")] = None,
    analogies: Annotated[bool, typer.Option("--analogies", help="Measure how the lexicon's analogies hold.")] = False,
    file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --analogies: more, as lines of 'a b c d', or parquet.")
    ] = None,
    as_json: Json = False,
    sessions_dir: SessionsDir = None,
    debug: Debug = False,
) -> None:
    """Reckon with words on a session's turns: king - man + woman. It must have started from meaning."""
    del debug
    from engine.session import Session, sessions_root
    from turngpt_tui.arguments import DEFAULT_RECIPE

    if analogies and expression is not None:
        raise UserError("--analogies goes without an expression")
    if file is not None and not analogies:
        raise UserError("--file goes with --analogies")
    above = context.parent.params if context.parent else {}
    given = above.get("session") if session is None else session
    root = sessions_root(sessions_dir or above.get("sessions_dir"))
    opened = Session.open(root, DEFAULT_RECIPE if given is None else given, None)

    from engine.semantics import read_analogies, words_of
    from turngpt_tui import meaning

    words = words_of(opened)
    if analogies:
        more = None if file is None else read_analogies(file)
        typer.echo(meaning.analogies(words, more, as_json=as_json))
    elif expression is not None:
        typer.echo(meaning.arithmetic(words, expression, as_json=as_json))
    else:
        typer.echo(meaning.axes(words, as_json=as_json))


@app.command()
def doctor(as_json: Json = False, debug: Debug = False) -> None:
    """Say what this machine can do."""
    del debug
    from engine.describe import describe_machine
    from turngpt_tui.describe import machine_json, machine_table

    found = describe_machine()
    typer.echo(machine_json(found) if as_json else machine_table(found))


def _refuse_training_options(context: typer.Context) -> None:
    """Refuse options before a command that it would not heed."""
    heeded = {"session", "sessions_dir", "debug"}
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if name not in heeded and source is not None and source.name == "COMMANDLINE":
            raise UserError(f"{parameter.opts[0]} does not go with the command {context.invoked_subcommand!r}")
