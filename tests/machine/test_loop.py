"""A loop on a thread: ready when it is made, answers from any thread, and gone without a trace."""

import asyncio
import contextlib
import socket
import subprocess
import sys
import threading
import time

import pytest

from ablykit.machine import loop as loop_module
from ablykit.machine.loop import LoopStopped, LoopThread, fast_loop

pytestmark = pytest.mark.usefixtures("no_leftovers")


@pytest.fixture
def thread():
    with LoopThread("a-loop") as thread:
        yield thread


async def where():
    return threading.current_thread().name


def test_coroutines_and_functions_run_on_its_thread(thread):
    assert thread.run(where()) == "a-loop"
    assert thread.call(lambda: threading.current_thread().name) == "a-loop"
    assert thread.call(asyncio.get_running_loop) is thread.loop


def test_it_works_where_a_loop_is_running_already(thread):
    async def cell():
        return thread.run(where())

    assert asyncio.run(cell()) == "a-loop"


def test_what_they_raise_is_raised_in_the_caller(thread):
    async def fail():
        raise LookupError("as the test asked")

    with pytest.raises(LookupError, match="as the test asked"):
        thread.run(fail())
    with pytest.raises(ZeroDivisionError):
        thread.call(lambda: 1 // 0)
    assert thread.run(where()) == "a-loop", "it goes on"


def test_what_takes_too_long_is_cancelled(thread):
    cancelled = threading.Event()

    async def linger():
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(TimeoutError):
        thread.run(linger(), timeout=0.05)
    assert cancelled.wait(5)


def test_a_coroutine_that_cancels_itself_has_not_met_a_stopped_loop(thread):
    async def give_up():
        asyncio.current_task().cancel()
        await asyncio.sleep(0)

    with pytest.raises(Exception) as caught:  # noqa: PT011
        thread.run(give_up())
    assert not isinstance(caught.value, LoopStopped)


def test_on_its_own_thread_it_says_that_it_would_wait_for_itself(thread, recwarn):
    for wait, instead in (
        (lambda: thread.run(where()), "await the coroutine instead"),
        (lambda: thread.call(list), "await the coroutine instead"),
        (thread.stop, "stop it from another thread"),
    ):
        with pytest.raises(RuntimeError, match=f"This call is on the thread a-loop.*{instead}"):
            thread.call(wait)
    assert [str(each.message) for each in recwarn] == []


def test_a_stopped_one_says_so_and_stopping_twice_is_stopping_once(recwarn):
    default, own = LoopThread("a-loop"), LoopThread("a-loop", stopped="Start another one")
    for thread in (default, own):
        assert thread.is_running
        thread.stop()
        thread.stop()
        assert not thread.is_running
    for thread, said in ((default, "The thread a-loop has been stopped"), (own, "Start another one")):
        for ask in (lambda thread=thread: thread.run(where()), lambda thread=thread: thread.call(list)):
            with pytest.raises(LoopStopped, match=said):
                ask()
    assert [str(each.message) for each in recwarn] == [], "no coroutine was left unawaited"


def test_callers_that_still_wait_when_it_stops_are_told(recwarn):
    thread, told = LoopThread("a-loop"), []
    started = threading.Barrier(6)

    async def linger():
        thread.loop.run_in_executor(None, started.wait)
        await asyncio.Event().wait()

    def wait():
        with pytest.raises(LoopStopped) as caught:
            thread.run(linger())
        told.append(caught.value)

    waiting = [threading.Thread(target=wait) for _ in range(5)]
    for each in waiting:
        each.start()
    started.wait(5)
    thread.stop()
    for each in waiting:
        each.join(5)
    assert len(told) == 5
    assert [str(each.message) for each in recwarn] == []


def test_no_call_hangs_that_races_with_the_stop(recwarn):
    """Whichever comes first: it is answered, refused or cancelled."""
    for _ in range(50):
        thread, outcomes = LoopThread("a-loop"), []

        def ask(thread=thread, outcomes=outcomes):
            with contextlib.suppress(LoopStopped):
                while True:
                    outcomes.append(thread.call(lambda: 1))

        asking = [threading.Thread(target=ask) for _ in range(3)]
        for each in asking:
            each.start()
        thread.stop()
        for each in asking:
            each.join(5)
            assert not each.is_alive()
    assert [str(each.message) for each in recwarn] == []


def test_it_serves_from_the_constructors_return_until_it_is_stopped():
    said = []

    @contextlib.asynccontextmanager
    async def serving():
        said.append(("entered", await where()))
        yield
        said.append(("left", await where()))

    thread = LoopThread("a-loop", serving)
    assert said == [("entered", "a-loop")]
    thread.stop()
    assert said[1:] == [("left", "a-loop")]


def test_what_keeps_it_from_starting_is_raised_in_the_caller():
    @contextlib.asynccontextmanager
    async def serving():
        async with await asyncio.start_server(lambda *_: None, "127.0.0.1", taken.getsockname()[1]):
            yield

    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        LoopThread("a-loop", serving)
    with pytest.raises(RuntimeError, match="as the test asked"):
        LoopThread("a-loop", fail)


def fail():
    raise RuntimeError("as the test asked")


def test_one_that_is_never_ready_is_given_up(monkeypatch):
    monkeypatch.setattr(loop_module, "START_TIMEOUT", 0.05)
    go_on, left = threading.Event(), threading.Event()

    @contextlib.asynccontextmanager
    async def serving():
        await asyncio.to_thread(go_on.wait, 10)
        yield
        left.set()

    with pytest.raises(TimeoutError, match=r"The thread a-loop was not ready within 0\.05 s"):
        LoopThread("a-loop", serving)
    go_on.set()
    assert left.wait(10), "it stops as soon as it can"
    for each in threading.enumerate():
        if each.name.startswith("a-loop"):
            each.join(5)


def test_tasks_are_cancelled_and_async_generators_closed():
    ended = []

    async def work():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("task")

    async def numbers():
        try:
            yield 1
        finally:
            ended.append("generator")

    async def begin():
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        return task, [generator := numbers(), await anext(generator)]

    with LoopThread("a-loop") as thread:
        kept = thread.run(begin())
    assert sorted(ended) == ["generator", "task"]
    assert kept[0].cancelled()
    assert thread.loop.is_closed()


def test_one_that_dies_by_itself_leaves_nobody_waiting(monkeypatch):
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    thread = LoopThread("a-loop")

    def die():
        raise SystemExit

    thread.loop.call_soon_threadsafe(die)
    with pytest.raises(LoopStopped):
        thread.run(asyncio.Event().wait())
    thread.stop()


def test_its_loop_is_fast_where_it_can_be(monkeypatch):
    with LoopThread("a-loop", new_loop=fast_loop) as thread:
        assert type(thread.loop).__module__ == "uvloop"
        assert thread.run(where()) == "a-loop"
    monkeypatch.setitem(sys.modules, "uvloop", None)
    with LoopThread("a-loop", new_loop=fast_loop) as thread:
        assert type(thread.loop).__module__.startswith("asyncio")


AT_EXIT = """
import asyncio, contextlib, socket
from ablykit.machine.loop import LoopThread, fast_loop

@contextlib.asynccontextmanager
async def serving():
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) as server:
        yield server
    print("left", flush=True)

async def linger():
    await asyncio.to_thread(socket.gethostbyname, "localhost")
    global task
    task = asyncio.create_task(asyncio.sleep(1000))

thread = LoopThread("a-loop", serving, new_loop={new_loop})
thread.run(linger())
"""


@pytest.mark.parametrize("new_loop", ["fast_loop", "asyncio.new_event_loop"])
def test_at_the_interpreters_exit_it_stops_by_itself(new_loop):
    """Also with tasks under way and an executor in use, and without a socket that is left open."""
    start = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-W", "always::ResourceWarning", "-c", AT_EXIT.format(new_loop=new_loop)],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "left\n", "")
    assert time.monotonic() - start < 20
