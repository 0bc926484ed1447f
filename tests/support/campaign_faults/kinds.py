"""The kinds of faults, each put at a random point of a campaign."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from airflow_provider_hvsms.sandbox import Fault
from airflow_provider_hvsms.sandbox.http.faults import MakeResponse, Wait
from airflow_provider_hvsms.sandbox.http.response import Response
from tests.support.campaign_faults.faulty_run import LOOKUP_TIME, FaultyRun
from tests.support.campaign_faults.one_try import LEDGER_FILES, RECORD_FILES, Stop

LINES = 1_200
"""About as many lines of the sender as a campaign without a fault takes."""
LEDGER_LINES, RECORD_LINES = 500, 90
"""Of those, the lines of the ledger, and of the record of a part."""

Put = Callable[[FaultyRun], None]

_LISTED_WITHIN = LOOKUP_TIME.total_seconds() - 2.0


def kill_9(run: FaultyRun) -> None:
    """The process is killed at a random line; one in three times the next try is killed, too."""
    run.stops.append(_kill_9(run))
    if run.random.random() < 1 / 3:
        run.stops.append(_kill_9(run))


def kill_9_in_request(run: FaultyRun) -> None:
    """The process is killed while its request is under way, which is carried out, now or later, or not at all."""
    carried_out, delay = run.random.random() < 0.75, run.random.uniform(0.0, _LISTED_WITHIN / 2)

    def respond(make: MakeResponse, wait: Wait) -> Response:
        run.kill()
        wait(delay)
        return make() if carried_out else Response(503, b"")

    run.service.add(Fault(respond, listed_after=_listed_after(run) / 2), after=_request(run))


def lost_answer(run: FaultyRun) -> None:
    run.service.add(Fault.lost_answer(), after=_request(run))


def error_before(run: FaultyRun) -> None:
    run.service.add(Fault.server_error(run.random.choice((500, 502, 503, 504))), after=_request(run))


def error_after(run: FaultyRun) -> None:
    status = run.random.choice((500, 502, 503, 504))
    run.service.add(Fault.server_error_after(status), after=_request(run))


def listed_late(run: FaultyRun) -> None:
    """The answer is lost, and the batch is missing from the list for some seconds."""
    run.service.add(Fault.lost_answer(listed_after=_listed_after(run)), after=_request(run))


def ledger_unreachable(run: FaultyRun) -> None:
    """At a random time, or just when a batch is being created, or between a commit and its answer."""
    seconds = run.random.uniform(1.0, 12.0)
    place = run.random.choice(("time", "request", "commit"))
    if place == "time":
        run.interruptions.append((run.random.uniform(0.0, 3.0), seconds))
    elif place == "commit":
        run.ledger.cut_at_commit(run.random.randint(1, 30))
        run.interruptions.append((run.random.uniform(0.0, 3.0), seconds))
    else:
        run.service.add(Fault(lambda make, _: _interrupted(run, make, seconds)), after=_request(run))


def cleared(run: FaultyRun) -> None:
    """The task is cleared three times after it ended, and once killed while it runs again."""
    run.cleared = 3
    run.stops += [Stop(), Stop(line=run.random.randint(1, LINES // 2))]


def two_at_once(run: FaultyRun) -> None:
    run.at_once.append(run.random.choice((0.0, run.random.uniform(0.0, 2.0))))


def paused_in_ledger(run: FaultyRun) -> None:
    """The process is paused while it reads or writes the ledger, and another try starts."""
    files, lines = run.random.choice(((LEDGER_FILES, LEDGER_LINES), (RECORD_FILES, RECORD_LINES)))
    pause = run.random.uniform(1.0, 2.5 * LOOKUP_TIME.total_seconds())
    run.stops.append(Stop(line=run.random.randint(1, lines), pause=pause, files=files))
    run.at_once.append(run.random.uniform(0.5, 4.0))


def equal_batch(run: FaultyRun) -> None:
    """Somebody else sends an equal batch; the answer to the own request is lost, an error before or after, or late."""
    fault = run.random.choice(
        (
            Fault.lost_answer(copies=1),
            Fault.server_error_after(copies=1),
            Fault.listed_late(_listed_after(run), copies=1),
            Fault(lambda make, _: _only_by_others(run, make)),
        )
    )
    run.service.add(fault, after=_request(run))


KINDS: dict[str, Put] = {
    "kill -9 at any line": kill_9,
    "kill -9 during a request": kill_9_in_request,
    "lost answer": lost_answer,
    "5xx, not created": error_before,
    "5xx, created": error_after,
    "lost answer, listed late": listed_late,
    "ledger unreachable": ledger_unreachable,
    "cleared after its end": cleared,
    "two tries at once": two_at_once,
    "paused, second try": paused_in_ledger,
    "equal batch by others": equal_batch,
}


def _interrupted(run: FaultyRun, make: MakeResponse, seconds: float) -> Response:
    """The ledger cannot be reached from when the batch is created."""
    threading.Thread(target=run.ledger.interrupt, args=(seconds,), daemon=True).start()
    time.sleep(0.2)
    return make()


def _only_by_others(run: FaultyRun, make: MakeResponse) -> Response:
    """Nothing is created by the request, but the same by somebody else."""
    run.service.disown(make())
    return Response(503, b"")


def _kill_9(run: FaultyRun) -> Stop:
    return Stop(line=run.random.randint(1, LINES))


def _request(run: FaultyRun) -> int:
    return run.random.randrange(run.parts)


def _listed_after(run: FaultyRun) -> float:
    return run.random.uniform(0.5, _LISTED_WITHIN)
