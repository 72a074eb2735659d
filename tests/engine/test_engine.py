import math
from itertools import count
from types import SimpleNamespace

import pytest
import torch

from engine import checkpoint as checkpoints
from engine.chat import conversation_of
from engine.engine import Engine, EngineOptions
from engine.errors import EngineError
from engine.session import Session
from engine.status import Sampling, Snapshot
from engine.store import Store

ENDED = {"finished", "stopped", "failed", "closed"}
SECONDS = 60


def engine_of(tmp_path, recipe, name="one", **options) -> Engine:
    session = Session.open(tmp_path / "sessions", name, recipe)
    return Engine(session.recipe, session, EngineOptions(precision="fp32", compile="off", **options))


def train(engine: Engine) -> Snapshot:
    """Train to the end (or the limit), close, and return how it ended."""
    engine.open()
    engine.start()
    assert engine.wait_for(lambda snapshot: snapshot.state in ENDED, SECONDS)
    ended = engine.snapshot()
    engine.close()
    assert engine.join(SECONDS)
    return ended


def losses(engine: Engine) -> dict[tuple[int, str], float]:
    with Store.reader(engine.session.database) as store:
        rows = store.metrics()
    train_ = {(row.step, "train"): row.train_loss for row in rows if row.train_loss is not None}
    return train_ | {(row.step, "validation"): row.validation_loss for row in rows if row.validation_loss is not None}


def weights(engine: Engine) -> dict[str, torch.Tensor]:
    newest, _ = checkpoints.load_newest(engine.session.checkpoints)
    assert newest is not None
    return newest.model | newest.optimizer


def test_a_run_goes_through_its_phases_and_learns(tmp_path, tiny):
    engine = engine_of(tmp_path, tiny())
    ended = train(engine)
    assert (ended.state, ended.step, ended.phase) == ("finished", 30, "conversation")
    assert [phase.state for phase in ended.phases] == ["done", "done"]
    found = losses(engine)
    assert len([key for key in found if key[1] == "train"]) == 30
    assert found[30, "train"] < 0.6 * found[1, "train"]
    assert ended.best_loss is not None or ended.validation_loss is not None
    assert any(sample.messages[0][0] == "text" for sample in engine.samples())
    assert any(sample.messages[0][0] == "user" for sample in engine.samples())
    # Kept: the last two, the best and each phase's end.
    assert {12, 30} <= set(checkpoints.steps(engine.session.checkpoints))
    assert len(checkpoints.steps(engine.session.checkpoints)) <= 5


@pytest.mark.parametrize("stops", [[7], [5, 7], [12, 3], [20]])
def test_resuming_is_exact_across_phases_and_epochs(tmp_path, tiny, stops):
    """N steps, a new engine and M steps are N + M steps: losses and weights bit by bit."""
    whole = engine_of(tmp_path, tiny(), "whole")
    train(whole)
    for steps in stops:
        part = train(engine_of(tmp_path, tiny(), "parts", max_steps=steps))
        assert part.state == "stopped"
    parts = engine_of(tmp_path, tiny(), "parts")
    assert train(parts).state == "finished"
    assert losses(parts) == losses(whole)
    expected = weights(whole)
    assert all(torch.equal(tensor, expected[name]) for name, tensor in weights(parts).items())
    assert [s.messages for s in parts.samples()] == [s.messages for s in whole.samples()]


def test_who_resumes_at_a_phases_end_takes_as_many_steps_of_the_next(tmp_path, tiny, monkeypatch):
    """The time that is left of the recipe's minutes is read from the checkpoint, not from the clock of the new run."""
    ticks = count(step=0.5)
    monkeypatch.setattr("engine.run.time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    recipe = tiny().model_copy(update={"minutes": 20 / 60})
    whole = engine_of(tmp_path, recipe, "whole")
    ended = train(whole)
    assert (ended.state, ended.phases[0].step) == ("finished", 12)
    assert 13 < ended.step < 30
    train(engine_of(tmp_path, recipe, "parts", max_steps=12))
    parts = engine_of(tmp_path, recipe, "parts")
    assert train(parts).step == ended.step
    assert losses(parts) == losses(whole)


def test_a_kill_loses_at_most_the_steps_since_the_last_checkpoint(tmp_path, tiny):
    whole = engine_of(tmp_path, tiny(), "whole")
    train(whole)
    killed = engine_of(tmp_path, tiny(), "killed")
    killed.open()
    killed.start()
    assert killed.wait_for(lambda snapshot: snapshot.step >= 13, SECONDS)
    killed.kill()
    assert killed.join(SECONDS)
    assert checkpoints.steps(killed.session.checkpoints)[-1] >= 12
    again = engine_of(tmp_path, tiny(), "killed")
    assert train(again).state == "finished"
    assert losses(again) == losses(whole)


def test_an_evaluation_cut_short_is_made_up_for(tmp_path, tiny):
    """A checkpoint marked pending is what a kill between saving and evaluating leaves."""
    whole = engine_of(tmp_path, tiny(), "whole")
    train(whole)
    cut = engine_of(tmp_path, tiny(), "cut", max_steps=10)
    train(cut)
    root = cut.session.checkpoints
    newest, _ = checkpoints.load_newest(root)
    assert newest is not None and newest.step == 10
    with Store.writer(cut.session.database) as store:
        store.truncate(9)
    state = newest.state | {"pending": True}
    checkpoints.save(root, checkpoints.Checkpoint(10, newest.model, newest.optimizer, state))
    again = engine_of(tmp_path, tiny(), "cut")
    train(again)
    expected = losses(whole)
    del expected[10, "train"]
    assert losses(again) == expected


def test_one_can_talk_before_during_and_after(tmp_path, tiny):
    engine = engine_of(tmp_path, tiny())
    engine.open()
    early = engine.generate(conversation_of("Hello"))
    assert early.wait(SECONDS) and "start training first" in early.error
    engine.start()
    assert engine.wait_for(lambda snapshot: snapshot.can_chat, SECONDS)
    during = engine.generate(conversation_of("What colour is the cat?"), Sampling(seed=1))
    assert during.wait(SECONDS) and not during.error and during.text and during.tokens > 0
    assert engine.wait_for(lambda snapshot: snapshot.state == "finished", SECONDS)
    after = engine.generate(conversation_of("What colour is the cat?"), Sampling(temperature=0))
    assert after.wait(SECONDS) and after.text.startswith("The")
    engine.close()
    assert engine.join(SECONDS)
    late = engine.generate(conversation_of("Hello"))
    assert late.done and "closed" in late.error
    reader = engine_of(tmp_path, None)
    reader.open()
    again = reader.generate(conversation_of("What colour is the cat?"), Sampling(temperature=0))
    assert again.wait(SECONDS) and again.text == after.text
    reader.close()
    assert reader.join(SECONDS)


def test_talking_does_not_change_what_is_learned(tmp_path, tiny):
    quiet = engine_of(tmp_path, tiny(), "quiet")
    train(quiet)
    chatty = engine_of(tmp_path, tiny(), "chatty")
    chatty.open()
    chatty.start()
    assert chatty.wait_for(lambda snapshot: snapshot.can_chat, SECONDS)
    for _ in range(5):
        assert chatty.generate(conversation_of("Hello"), Sampling(max_tokens=8)).wait(SECONDS)
    assert chatty.wait_for(lambda snapshot: snapshot.state in ENDED, SECONDS)
    chatty.close()
    assert chatty.join(SECONDS)
    assert losses(chatty) == losses(quiet)


def test_pause_holds_and_resume_goes_on(tmp_path, tiny):
    engine = engine_of(tmp_path, tiny())
    engine.open()
    engine.start()
    assert engine.wait_for(lambda snapshot: snapshot.step >= 2, SECONDS)
    engine.pause()
    assert engine.wait_for(lambda snapshot: snapshot.state in {"paused", "finished"}, SECONDS)
    held = engine.snapshot()
    assert held.state == "paused"
    assert engine.generate(conversation_of("Hello"), Sampling(max_tokens=4)).wait(SECONDS)
    assert engine.snapshot().step == held.step
    engine.resume()
    assert engine.wait_for(lambda snapshot: snapshot.state == "finished", SECONDS)
    engine.close()
    assert engine.join(SECONDS)


def test_stop_saves_and_start_goes_on(tmp_path, tiny):
    engine = engine_of(tmp_path, tiny())
    engine.open()
    engine.start()
    assert engine.wait_for(lambda snapshot: snapshot.step >= 3, SECONDS)
    engine.stop()
    assert engine.wait_for(lambda snapshot: snapshot.state == "stopped", SECONDS)
    assert checkpoints.steps(engine.session.checkpoints)[-1] == engine.snapshot().step
    engine.start()
    assert engine.wait_for(lambda snapshot: snapshot.state == "finished", SECONDS)
    engine.close()
    assert engine.join(SECONDS)


def test_a_stop_while_preparing_is_heeded(tmp_path, tiny):
    engine = engine_of(tmp_path, tiny())
    engine.open()
    engine.start()
    engine.close()
    assert engine.join(SECONDS)
    assert engine.snapshot().state == "closed" and engine.snapshot().step == 0


def test_a_loss_that_is_not_finite_stops_before_the_update(tmp_path, tiny):
    train(engine_of(tmp_path, tiny(), max_steps=8))
    engine = engine_of(tmp_path, tiny())
    root = engine.session.checkpoints
    newest, _ = checkpoints.load_newest(root)
    assert newest is not None
    newest.model["norm.weight"][0] = math.nan
    checkpoints.save(root, newest)
    ended = train(engine)
    assert ended.state == "failed" and not ended.user_error
    assert "step 9 gave loss nan" in ended.error and "\n" not in ended.error
    assert checkpoints.steps(root)[-1] == 8


def test_a_full_disk_is_said_and_training_goes_on(tmp_path, tiny, monkeypatch):
    real = checkpoints.save

    def full(root, checkpoint):
        if checkpoint.step == 8:
            raise EngineError("checkpoint of step 8 could not be saved: No space left on device")
        return real(root, checkpoint)

    monkeypatch.setattr(checkpoints, "save", full)
    engine = engine_of(tmp_path, tiny())
    assert train(engine).state == "finished"
    assert any(event.kind == "disk" and "No space left" in event.text for event in engine.events())


def test_a_damaged_checkpoint_is_said_and_the_one_before_is_taken(tmp_path, tiny):
    train(engine_of(tmp_path, tiny(), max_steps=10))
    engine = engine_of(tmp_path, tiny())
    model = checkpoints.folder_of(engine.session.checkpoints, 10) / "model.safetensors"
    content = bytearray(model.read_bytes())
    content[-1] ^= 255
    model.write_bytes(content)
    assert train(engine).state == "finished"
    assert any("step-000010 is damaged" in event.text for event in engine.events())


def test_a_session_open_elsewhere_is_refused(tmp_path, tiny):
    engine = engine_of(tmp_path, tiny())
    with engine.session.lock():
        ended = train(engine)
    assert ended.state == "failed" and ended.user_error and "is open in another process" in ended.error


def test_changed_data_is_refused(tmp_path, tiny, data):
    train(engine_of(tmp_path, tiny(), max_steps=5))
    data.write_text(data.read_text().replace("cat", "lion").replace("dog", "tiger"))
    ended = train(engine_of(tmp_path, tiny()))
    assert ended.state == "failed" and ended.user_error and "the data changed" in ended.error


def test_a_gate_that_opens_ends_its_phase_early(tmp_path, tiny):
    recipe = tiny()
    gate = {"gate": [{"measure": "perplexity", "comparison": "<", "threshold": 1e9}]}
    phases = {name: phase.model_dump() for name, phase in recipe.phases.items()}
    phases["foundation"] |= gate
    engine = engine_of(tmp_path, tiny(phases=phases))
    ended = train(engine)
    assert ended.phases[0].step == 10  # evaluated at 5 and at 10
    assert [event.kind for event in engine.events()].count("gate") == 2
