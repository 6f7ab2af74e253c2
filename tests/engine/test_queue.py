"""The queue: whose turn it is, and Q-1's back-off."""

from stead.engine.queue import Queue


def drained(queue: Queue[str], mono: float) -> list[str]:
    taken = []
    while (item := queue.take(mono)) is not None:
        taken.append(item)
    return taken


def test_a_key_is_due_once_in_the_order_it_came() -> None:
    queue: Queue[str] = Queue()
    for item in ("b", "a", "b", "c"):
        queue.add(item)
    assert drained(queue, 0) == ["b", "a", "c"]


def test_the_sooner_promise_wins() -> None:
    queue: Queue[str] = Queue()
    queue.add_at("a", 10)
    queue.add_at("a", 5)
    queue.add_at("a", 20)
    assert queue.next_wake() == 5
    assert drained(queue, 4) == []
    assert drained(queue, 5) == ["a"]
    assert queue.next_wake() is None


def test_q_1_back_off_doubles_to_its_cap_and_success_resets_it() -> None:
    queue: Queue[str] = Queue()
    waits = []
    for turn in range(20):
        waits.append(queue.fail("a", turn * 10_000.0))
        assert drained(queue, turn * 10_000.0 + 1001) == ["a"]
    assert waits[:4] == [0.005, 0.01, 0.02, 0.04]
    assert waits[-1] == 1000.0
    queue.succeed("a")
    assert queue.fail("a", 1e6) == 0.005


def test_q_1_many_failures_are_ten_a_second_after_a_burst_of_a_hundred() -> None:
    queue: Queue[int] = Queue()
    waits = [queue.fail(item, 0.0) for item in range(150)]
    assert max(waits[:100]) == 0.005
    assert 4.9 < waits[149] < 5.1
