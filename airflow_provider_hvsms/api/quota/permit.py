"""The permission to send one request."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(eq=False, slots=True)
class Permit:
    """One request's place in the quota, from when it is sent until the quota window has passed since its answer.

    Example::

        with quota.permit(UsageGroup.LIGHT) as permit:
            answer = session.get(url)
            permit.answered(answer.status_code, answer.headers)
    """

    waited: float = 0.0
    """Seconds that the request waited for quota, or for the end of a penalty."""
    sent_at: float = 0.0
    answered_at: float | None = None
    status: int | None = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """Record the answer, whose headers say what remains of the quota."""
        self.status = status
        self.headers = headers

    @property
    def arrived_at(self) -> float:
        """When the service counted the request, at a guess: halfway between sending and answer."""
        return self.sent_at if self.answered_at is None else (self.sent_at + self.answered_at) / 2
