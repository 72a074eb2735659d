import json
import math

from engine.curriculum import Curriculum, measures_of
from engine.recipe import parse_recipe

PHASE = {"batch": 1, "length": 16, "learning_rate": 1e-3, "mix": {"builtin:stories": 1.0}}
RECIPE = parse_recipe(
    {
        "name": "two",
        "phases": {
            "foundation": PHASE | {"steps": 10, "gate": [{"measure": "perplexity", "threshold": 50.0}]},
            "conversation": PHASE | {"steps": 5},
        },
    },
    "test",
)
LOW, HIGH = measures_of(math.log(20)), measures_of(math.log(80))


def test_a_gate_opens_only_on_two_readings_in_a_row():
    c = Curriculum(RECIPE)
    c.advance()
    assert [c.read(LOW), c.gate_open] == [True, False]
    assert [c.read(HIGH), c.gate_open] == [False, False]
    c.read(LOW)
    assert not c.phase_over
    c.read(LOW)
    assert c.gate_open and c.phase_over


def test_a_reading_that_is_not_a_number_opens_nothing():
    c = Curriculum(RECIPE)
    for _ in range(3):
        assert not c.read(measures_of(math.nan))
    assert not c.gate_open


def test_phases_follow_each_other_and_end():
    c = Curriculum(RECIPE)
    for _ in range(10):
        assert not c.phase_over
        c.advance()
    assert c.phase_over and c.steps_ahead == 5
    c.next_phase()
    assert c.name == "conversation" and c.phase_step == 0 and c.step == 10 and c.phase_ends == {10}
    for _ in range(5):
        c.advance()
    c.next_phase()
    assert c.finished and c.steps_ahead == 0 and c.phase_ends == {10, 15}


def test_the_state_survives_json():
    c = Curriculum(RECIPE)
    for _ in range(4):
        c.advance()
    c.read(LOW)
    other = Curriculum(RECIPE)
    other.restore(json.loads(json.dumps(c.state())))
    assert other.state() == c.state() and other.status() == c.status()
    other.read(LOW)
    assert other.gate_open


def test_status_shows_each_phase_and_its_gate():
    c = Curriculum(RECIPE)
    assert [phase.state for phase in c.status()] == ["waiting", "waiting"]
    c.advance()
    c.read(HIGH)
    first, second = c.status()
    assert (first.state, first.step, first.gate_open) == ("running", 1, False)
    assert first.gate[0].value is not None and round(first.gate[0].value) == 80
    assert second.gate == () and second.gate_open is None


def test_a_slow_machine_takes_fewer_steps_of_each_phase():
    recipe = RECIPE.model_copy(update={"minutes": 1.0})
    c = Curriculum(recipe)
    assert c.fit(tokens_per_second=recipe.tokens / 120), "all would take two minutes"
    assert [phase.steps for phase in c.recipe.phases.values()] == [5, 2]
    assert c.recipe.phases["foundation"].gate == recipe.phases["foundation"].gate


def test_a_fast_machine_and_a_recipe_without_minutes_take_all_steps():
    assert not Curriculum(RECIPE).fit(tokens_per_second=0.001)
    c = Curriculum(RECIPE.model_copy(update={"minutes": 1.0}))
    assert not c.fit(tokens_per_second=1e9)
    assert c.recipe.steps == RECIPE.steps


def test_what_a_phase_really_took_decides_the_steps_of_the_next():
    recipe = RECIPE.model_copy(update={"minutes": 1.0})
    c = Curriculum(recipe)
    assert not c.fit(tokens_per_second=1e9)
    for _ in range(c.phase.steps):
        c.advance()
    c.next_phase()
    rest = recipe.phases["conversation"]
    c.seconds = 40.0
    assert c.fit(tokens_per_second=rest.tokens / 40), "twenty seconds are left for what takes forty"
    assert [phase.steps for phase in c.recipe.phases.values()] == [10, rest.steps // 2]
    c.seconds = 70.0
    assert c.fit(tokens_per_second=1e9), "the time is up"
    assert c.phase.steps == 1


def test_going_on_keeps_the_steps_that_a_session_began_with():
    recipe = RECIPE.model_copy(update={"minutes": 1.0})
    c, later = Curriculum(recipe), Curriculum(recipe)
    c.fit(tokens_per_second=recipe.tokens / 120)
    later.restore(json.loads(json.dumps(c.state())))
    assert later.recipe == c.recipe
    assert later.steps_ahead == 7
