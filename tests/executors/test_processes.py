"""No process survives, whoever is killed, and nobody waits for ever."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from types import FrameType

import pytest
from helpers.faults import SPACE, finish, make_jobs, survivors, task_of

import l2l.guard
from l2l.errors import L2LError
from l2l.evaluation import Status
from l2l.executors.local import LocalExecutor, LocalOptions

TESTS = str(Path(__file__).parents[1])

DRIVER = textwrap.dedent("""
    import sys
    sys.path.insert(0, {tests!r})
    from helpers.faults import SPACE, make_jobs, task_of
    from l2l.executors.local import LocalExecutor, LocalOptions
    executor = LocalExecutor(LocalOptions(workers=2))
    executor.start(task_of({optimizee!r}))
    executor.submit(make_jobs(SPACE, [{{"fault": f, "x": 0.5}} for f in {faults!r}]))
    print(executor.crew.shop.token, flush=True)
    while True:
        for outcome in executor.collect(0.2):
            print(outcome.job.id, flush=True)
""")


def start_driver(faults: list[str], optimizee: str = "Faulty") -> tuple[subprocess.Popen[str], str]:
    code = DRIVER.format(tests=TESTS, faults=faults, optimizee=optimizee)
    driver = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert driver.stdout is not None
    return driver, driver.stdout.readline().strip()


def gone_within(token: str, limit: float) -> float:
    """Return how long it took until the last process of a driver was gone."""
    begun = time.monotonic()
    while survivors(token):
        assert time.monotonic() - begun < limit, survivors(token)
        time.sleep(0.01)
    return time.monotonic() - begun


def wait_for(token: str, n: int) -> None:
    end = time.monotonic() + 20
    while len(survivors(token)) < n:
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("fault", "n"),
    [("hangs", 2), ("spins_deaf", 2), ("busy_with_children", 6)],
)
def test_driver_is_killed_while_workers_are_busy(fault: str, n: int) -> None:
    driver, token = start_driver([fault] * 4)
    wait_for(token, n)
    driver.kill()
    driver.wait()
    assert gone_within(token, 2.0) < 2.0


@pytest.mark.parametrize("delay", [0.0, 0.01, 0.03, 0.06, 0.1])
def test_driver_is_killed_while_workers_start(delay: float) -> None:
    driver, token = start_driver(["busy_with_children"] * 4)
    time.sleep(delay)
    driver.kill()
    driver.wait()
    time.sleep(0.3)  # a worker that was about to start has started
    gone_within(token, 2.0)


def test_driver_ends_without_closing() -> None:
    driver, token = start_driver(["hangs"] * 4)
    wait_for(token, 2)
    driver.send_signal(signal.SIGTERM)
    driver.wait()
    gone_within(token, 2.0)


def test_an_idle_worker_is_killed() -> None:
    ok = [{"fault": "none_of_these", "x": 0.5}] * 6
    with LocalExecutor(LocalOptions(workers=2)) as executor:
        executor.start(task_of("Faulty"))
        finish(executor, make_jobs(SPACE, ok))
        for again in range(3):
            for guard in executor.crew.guards.values():
                os.kill(guard.pid, signal.SIGKILL)
            if again:
                time.sleep(0.05)  # the second time, let it be gone before it is given work
            outcomes = finish(executor, make_jobs(SPACE, ok, first=6 * (again + 1)))
            bad = [o for o in outcomes.values() if o.status is not Status.OK]
            # a worker may have been given work in the instant before its end was noticed
            assert again == 0 or bad == []
            assert all(o.message.startswith("killed by SIGKILL") for o in bad)


@pytest.mark.parametrize("seed", range(2))
def test_workers_are_killed_at_random(seed: int) -> None:
    """Each evaluation comes back once: ok, or as the one that was running when it happened."""
    rng = random.Random(seed)
    stop = threading.Event()
    kills = 0
    with LocalExecutor(LocalOptions(workers=3)) as executor:
        executor.start(task_of("Faulty"))

        def kill() -> None:
            nonlocal kills
            while not stop.wait(rng.uniform(0.0, 0.2)):
                for guard in list(executor.crew.guards.values())[:1]:
                    if guard.greeted and not guard.spent:
                        os.kill(guard.pid, rng.choice([signal.SIGKILL, signal.SIGTERM]))
                        kills += 1

        thread = threading.Thread(target=kill)
        thread.start()
        try:
            bad = []
            for part in range(20):
                some = [{"fault": "none_of_these", "x": i / 500} for i in range(500)]
                outcomes = finish(executor, make_jobs(SPACE, some, first=500 * part))
                for number, outcome in outcomes.items():
                    if outcome.status is Status.OK:
                        assert outcome.fitness == (number % 500 / 500,)
                    else:
                        bad.append(outcome)
        finally:
            stop.set()
            thread.join()
    assert {o.status for o in bad} <= {Status.CRASHED}
    assert {o.message[:14] for o in bad} <= {"killed by SIGK", "killed by SIGT"}
    assert len(bad) <= kills
    assert kills > 0


def test_close_is_quick_and_thorough() -> None:
    executor = LocalExecutor(LocalOptions(workers=2))
    executor.start(task_of("Faulty"))
    token = executor.crew.shop.token
    executor.submit(make_jobs(SPACE, [{"fault": "busy_with_children", "x": 0.5}] * 4))
    while len(survivors(token)) < 6:
        executor.collect(0.02)
    begun = time.monotonic()
    executor.close()
    assert time.monotonic() - begun < 1.0
    assert survivors(token) == set()
    executor.close()


def test_descriptors_do_not_pile_up() -> None:
    before = len(os.listdir("/proc/self/fd"))
    with LocalExecutor(LocalOptions(workers=2)) as executor:
        for _ in range(2):
            executor.start(task_of("Faulty"))
            jobs = make_jobs(SPACE, [{"fault": "exit_3", "x": 0.5}] * 6)
            finish(executor, jobs)
    assert len(os.listdir("/proc/self/fd")) <= before + 1  # the selector's own


def test_workers_that_cannot_start(monkeypatch: pytest.MonkeyPatch) -> None:
    with LocalExecutor(LocalOptions(workers=2)) as executor:
        executor.start(task_of("Faulty"))
        broken = [sys.executable, "-c", "print('no numpy here'); raise SystemExit(9)"]
        monkeypatch.setattr(executor.crew.shop, "command", broken)
        jobs = make_jobs(SPACE, [{"fault": "none_of_these", "x": 0.5}] * 6)
        with pytest.raises(
            L2LError, match=r"did not start; the last one exited with code 9(.|\n)*no numpy"
        ):
            finish(executor, jobs)


def test_there_is_no_such_python() -> None:
    with LocalExecutor(LocalOptions(workers=2)) as executor:
        executor.start(task_of("Faulty"))
        executor.crew.shop.command = ["/nowhere/python"]
        jobs = make_jobs(SPACE, [{"fault": "none_of_these", "x": 0.5}])
        with pytest.raises(L2LError, match="no worker can be started"):
            finish(executor, jobs)


def test_a_start_that_fails_once_is_made_again() -> None:
    with LocalExecutor(LocalOptions(workers=1)) as executor:
        executor.start(task_of("Faulty"))
        good = executor.crew.shop.command
        executor.crew.shop.command = [sys.executable, "-c", "raise SystemExit(1)"]
        jobs = make_jobs(SPACE, [{"fault": "none_of_these", "x": 0.5}] * 3)
        executor.submit(jobs)
        executor.crew.shop.command = good
        landed = 0
        while landed < 3:
            landed += len(executor.collect(1.0))


@pytest.mark.parametrize("seed", range(3))
def test_interrupts_lose_nothing(seed: int) -> None:
    """Wherever in collect Ctrl-C strikes, each outcome is given back once."""
    rng = random.Random(seed)
    stop = threading.Event()
    seen: list[int] = []
    interrupts = 0

    def press() -> None:
        while not stop.wait(rng.uniform(0.0, 0.01)):
            os.kill(os.getpid(), signal.SIGINT)

    def strike(_: int, frame: FrameType | None) -> None:
        while frame is not None:
            if frame.f_code is LocalExecutor.collect.__code__:
                raise KeyboardInterrupt
            frame = frame.f_back

    thread = threading.Thread(target=press)
    before = signal.signal(signal.SIGINT, strike)
    with LocalExecutor(LocalOptions(workers=2)) as executor:
        try:
            executor.start(task_of("Faulty"))
            executor.submit(make_jobs(SPACE, [{"fault": "none_of_these", "x": 0.5}] * 3000))
            thread.start()
            end = time.monotonic() + 30
            while len(seen) < 3000 and time.monotonic() < end:
                try:
                    landed = executor.collect(1.0)
                except KeyboardInterrupt:
                    interrupts += 1
                else:
                    seen += [outcome.job.id for outcome in landed]
        finally:
            stop.set()
            thread.join()
            signal.signal(signal.SIGINT, before)
    assert sorted(seen) == list(range(3000))
    assert interrupts > 3


def test_a_worker_does_not_get_the_terminals_interrupt() -> None:
    driver, token = start_driver(["none_of_these"] * 3)
    assert driver.stdout is not None
    assert sorted(driver.stdout.readline() for _ in range(3)) == ["0\n", "1\n", "2\n"]
    workers = survivors(token)
    assert {os.getsid(pid) for pid in workers} == workers
    assert os.getsid(driver.pid) not in workers
    driver.kill()
    driver.wait()
    gone_within(token, 2.0)


def test_workers_that_never_report(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(l2l.guard, "START_LIMIT", 0.2)
    with LocalExecutor(LocalOptions(workers=1)) as executor:
        executor.start(task_of("Faulty"))
        executor.crew.shop.command = [sys.executable, "-S", "-c", "import time; time.sleep(600)"]
        jobs = make_jobs(SPACE, [{"fault": "none_of_these", "x": 0.5}])
        with pytest.raises(L2LError, match="3 workers in a row did not start"):
            finish(executor, jobs)


def test_going_on_with_fewer_workers(caplog: pytest.LogCaptureFixture) -> None:
    """Where a machine gives no more processes, the run goes on with those it has."""
    slow = [{"fault": "takes_a_moment", "x": 0.5}] * 30
    with LocalExecutor(LocalOptions(workers=3)) as executor:
        executor.start(task_of("Faulty"))
        finish(executor, make_jobs(SPACE, slow[:1]))
        executor.crew.shop.command = [sys.executable, "-c", "raise SystemExit('no more')"]
        outcomes = finish(executor, make_jobs(SPACE, slow, first=1))
        assert executor.crew.size == 1
    assert {o.status for o in outcomes.values()} == {Status.OK}
    assert "going on with 1 instead of" in caplog.text
    assert "no more" in caplog.text
