"""Opts recipients out of messages from a sender, and in again: part by part, each repeated until it is answered."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import tenacity

from airflow_provider_hvsms.api.client import MessageStoreClient
from airflow_provider_hvsms.api.errors import OutcomeUnknown, ServiceUnavailable
from airflow_provider_hvsms.api.redaction import redact
from airflow_provider_hvsms.api.sending import Assignment, OptOutAssignment
from airflow_provider_hvsms.campaigns.opt_out_changes import OptOutChanges, OptOutPart, State
from airflow_provider_hvsms.sinks.personal_data import normalise
from airflow_provider_hvsms.sinks.rejected_recipients import BEFORE_SENDING, RejectedRecipients, Rejection

log = logging.getLogger(__name__)

MAX_ATTEMPTS = 4
"""Requests for one part."""

FIRST_PAUSE = 2.0
"""Seconds before the second request for a part; each further pause is twice as long."""

_MAX_REASONS = 10
"""Reasons in a summary, the most frequent first."""
_MAX_REASON_LENGTH = 200

_NOT_NAMED = "the answer does not name the number"


class OptOutAssigner:
    """Assigns the opt-outs and opt-ins of one task, and counts what became of them.

    :param rejected: keeps the numbers that could not be set; `None`: they are only counted.
    """

    def __init__(self, client: MessageStoreClient, from_number: str, rejected: RejectedRecipients | None) -> None:
        self._client = client
        self._from_number = from_number
        self._rejected = rejected
        self._set: Counter[State] = Counter()
        self._reasons: Counter[str] = Counter()

    def assign(self, changes: OptOutChanges, *, size: int) -> dict[str, Any]:
        """Assign all numbers, and return a summary without numbers.

        :param size: the most numbers of a request.
        :raises ServiceUnavailable: no request for a part was answered. What was set before stays.
        """
        self._keep_invalid(changes)
        for part in changes.parts(size):
            self._note(part, self._assign(part))
        return {
            "opted_out": self._set["OptOut"],
            "opted_in": self._set["OptIn"],
            "failed": self._reasons.total(),
            "reasons": [
                {"reason": reason, "count": count} for reason, count in self._reasons.most_common(_MAX_REASONS)
            ],
            "repeated": changes.repeated,
            "requests": self._client.requests,
        }

    def _keep_invalid(self, changes: OptOutChanges) -> None:
        now = datetime.now(UTC)
        rejections = [
            Rejection(
                to=None if invalid.value is None else str(invalid.value),
                rejected_at=now,
                description=f"{invalid.state}: {invalid.reason}",
                place=place,
            )
            for place, invalid in enumerate(changes.invalid, start=1)
        ]
        self._fail(BEFORE_SENDING, rejections)

    def _note(self, part: OptOutPart, answer: OptOutAssignment) -> None:
        self._fail(part.number, list(_failures(part, answer)))
        for state, numbers, assignment in _by_state(part, answer):
            self._set[state] += len(set(numbers).intersection(_done(assignment)))

    def _fail(self, part: int, rejections: Sequence[Rejection]) -> None:
        self._reasons.update(_reason(rejection) for rejection in rejections)
        if self._rejected:
            self._rejected.keep(part, rejections)

    def _assign(self, part: OptOutPart) -> OptOutAssignment:
        repeating = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(OutcomeUnknown),
            stop=tenacity.stop_after_attempt(MAX_ATTEMPTS),
            wait=tenacity.wait_exponential(multiplier=FIRST_PAUSE),
            before_sleep=_log_repetition,
            reraise=True,
        )
        try:
            answer: OptOutAssignment = repeating(
                self._client.assign_opt_outs, self._from_number, opt_outs=part.opt_outs, opt_ins=part.opt_ins
            )
        except OutcomeUnknown as error:
            raise ServiceUnavailable(
                f"{MAX_ATTEMPTS} requests for the same opt-outs failed, the last one so: {error} Opt-outs may be "
                "repeated without looking: run the task again."
            ) from None
        return answer


def _by_state(part: OptOutPart, answer: OptOutAssignment) -> Iterator[tuple[State, tuple[str, ...], Assignment]]:
    yield "OptOut", part.opt_outs, answer.opt_outs
    yield "OptIn", part.opt_ins, answer.opt_ins


def _failures(part: OptOutPart, answer: OptOutAssignment) -> Iterator[Rejection]:
    """The numbers of a part that the answer does not name as set."""
    now = datetime.now(UTC)
    places = {number: place for place, number in enumerate((*part.opt_outs, *part.opt_ins), start=1)}
    for state, numbers, assignment in _by_state(part, answer):
        done, reasons = _done(assignment), _reasons(assignment)
        for number in numbers:
            if number not in done:
                reason = reasons.get(number, _NOT_NAMED) or "no reason was given"
                yield Rejection(to=number, rejected_at=now, description=f"{state}: {reason}", place=places[number])


def _done(assignment: Assignment) -> set[str]:
    """The numbers that were set, in E.164; one that is named as failed, too, was not."""
    return set(map(normalise, assignment.successful)).difference(_reasons(assignment))


def _reasons(assignment: Assignment) -> dict[str, str | None]:
    return {normalise(failure.to): failure.error_message for failure in assignment.failed}


def _reason(rejection: Rejection) -> str:
    """What is counted: without the numbers that the service may have written into it."""
    return redact(rejection.description or "")[:_MAX_REASON_LENGTH]


def _log_repetition(state: tenacity.RetryCallState) -> None:
    log.warning(
        "Attempt %d of %d to set opt-outs: no answer (%s). Setting them again, which does no harm, in %.0f s.",
        state.attempt_number,
        MAX_ATTEMPTS,
        state.outcome and state.outcome.exception(),
        state.next_action.sleep if state.next_action else 0.0,
    )
