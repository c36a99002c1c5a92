"""Sending: one message, a steady number a second, or as fast as the server answers."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from time import perf_counter

from bench.client import Pool
from bench.readers import RETRY_SECONDS, SIDES, Make, Reader, Record
from bench.server import Session

# Fewer than a page of messages, which the readers of that session then begin with.
WARM_UP_SENDS = 50
# Sends on their way at a time; beyond it the next one waits, and `sends/s` shows it.
MOST_SENDS = 200
# For the answers that are still to come when the time is over.
ANSWER_SECONDS = 30.0


async def send(pool: Pool, record: Record, reader: Reader) -> int:
    """Send one message and return its id; 0, after a pause, when the server did not take it."""
    text = record.next_text()
    try:
        record.sent_at[text] = perf_counter()
        message_id = await reader.send(pool, text)
    except OSError as error:
        record.errors[f"send: {error}"] += 1
        await asyncio.sleep(RETRY_SECONDS)
        return 0
    record.answers.append(perf_counter() - record.sent_at[text])
    record.acknowledge(reader.session.id, message_id)
    return message_id


async def warm_up(port: int, session: Session, make: Make = Reader) -> None:
    """The first requests open files and fill caches; that is not what is measured."""
    record = Record()
    reader, pool = make(port, session, SIDES[0], record), Pool(port)
    await reader.open()
    reader.start()
    for _ in range(WARM_UP_SENDS):
        if not await send(pool, record, reader):
            raise RuntimeError(f"the server takes no message: {record.errors}")
    reader.close()
    pool.close()


async def send_in_turn(pool: Pool, record: Record, readers: list[Reader]) -> None:
    """One message of each, when the one before is answered."""
    for reader in readers:
        await send(pool, record, reader)


async def send_steadily(
    pool: Pool, record: Record, readers: list[Reader], rate: float, seconds: float
) -> list[asyncio.Task[None]]:
    """`rate` sends a second by random people; the last ones are yet without their answer."""
    picks, gate = random.Random(1), asyncio.Semaphore(MOST_SENDS)
    tasks = []

    async def send_one() -> None:
        await send(pool, record, picks.choice(readers))
        gate.release()

    started = perf_counter()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(started + number / rate - perf_counter())
        await gate.acquire()
        if perf_counter() > started + seconds:
            break
        tasks.append(asyncio.create_task(send_one()))
    return tasks


async def repeat(
    step: Callable[[int], Awaitable[object]], times: int, seconds: float
) -> list[asyncio.Task[None]]:
    """`times` tasks that repeat `step(number)`; they are yet in their last step."""
    deadline = perf_counter() + seconds

    async def repeat_one(number: int) -> None:
        while perf_counter() < deadline:
            await step(number)

    tasks = [asyncio.create_task(repeat_one(number)) for number in range(times)]
    await asyncio.sleep(seconds)
    return tasks


async def finish(tasks: list[asyncio.Task[None]], record: Record) -> None:
    """Wait for the last answers; those that do not come are errors."""
    done, late = await asyncio.wait(tasks, timeout=ANSWER_SECONDS)
    for task in done:
        task.result()
    for task in late:
        task.cancel()
        record.errors["no answer"] += 1
