"""What is done in one turn of the loop: a little of everybody's work."""

import asyncio
import time

from stead.serve.turns import TURN_SECONDS, Turns


def test_jobs_have_their_turns_one_after_the_other_and_others_come_between():
    async def scenario():
        told = []

        def job(name, left):
            def work():
                nonlocal left
                left -= 1
                told.append(name)
                time.sleep(TURN_SECONDS * 0.3)
                if left:
                    turns.soon(work)

            return work

        turns = Turns(asyncio.get_running_loop(), lambda: told.append("."))
        a, b = job("a", 3), job("b", 3)
        for one in (a, b, a):  # who waits already is not done twice
            turns.soon(one)
        while "".join(told).count("a") + "".join(told).count("b") < 6:
            told.append("|")
            await asyncio.sleep(0)
        return "".join(told)

    told = asyncio.run(scenario())
    assert told.replace(".", "").replace("|", "") == "ababab"
    assert max(map(len, told.split("|"))) <= 5, "no turn has all of them"
    assert all(turn.startswith(".") for turn in told.split("|") if turn), "what comes first, comes first in each"


def test_what_has_just_come_has_time_until_the_turn_is_over():
    async def scenario():
        turns = Turns(asyncio.get_running_loop(), lambda: None)
        assert turns.has_time()
        time.sleep(TURN_SECONDS)
        assert not turns.has_time()
        await asyncio.sleep(0)
        assert turns.has_time(), "another turn"

    asyncio.run(scenario())


def test_a_job_that_breaks_keeps_nobody_from_his_turn():
    async def scenario():
        told, broken = [], []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: broken.append(context["exception"]))
        turns = Turns(loop, lambda: None)

        def breaks():
            raise RuntimeError("on purpose")

        turns.soon(breaks)
        turns.soon(lambda: told.append("done"))
        for _ in range(3):
            await asyncio.sleep(0)
        assert (told, len(broken)) == (["done"], 1)

    asyncio.run(scenario())
