import threading

from engine.board import KEPT_EVENTS, Board
from engine.status import Snapshot


def test_rows_are_numbered_and_given_after_an_id():
    board = Board(Snapshot())
    for step in range(5):
        board.add_metric(step, "foundation", train_loss=float(step))
    assert [row.step for row in board.metrics(3)] == [3, 4]
    assert board.metrics(5) == []


def test_histories_are_bounded():
    board = Board(Snapshot())
    for number in range(KEPT_EVENTS + 50):
        board.add_event("info", "test", str(number))
    events = board.events()
    assert len(events) == KEPT_EVENTS and events[-1].text == str(KEPT_EVENTS + 49)
    assert len(board.take_unstored()[1]) == KEPT_EVENTS


def test_what_was_taken_is_not_taken_again():
    board = Board(Snapshot())
    board.add_sample(1, "foundation", (("text", "Once"),))
    assert len(board.take_unstored()[2]) == 1
    assert board.take_unstored() == ([], [], [], [])
    assert len(board.samples()) == 1


def test_lines_of_the_log_carry_no_control_characters():
    board = Board(Snapshot())
    board.add_event("info", "test", "a\x1b[31mred\r\n[b]\u202eevil")
    assert board.events()[0].text == "a[31mred [b]evil"


def test_many_threads_lose_nothing():
    board = Board(Snapshot())

    def add() -> None:
        for _ in range(300):
            board.add_event("info", "test", "line")

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [event.id for event in board.events()] == list(range(1, 1201))
