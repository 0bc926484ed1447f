"""The service of one campaign: a sandbox that knows which batches the campaign itself created."""

from __future__ import annotations

import dataclasses
import json
import time
from collections import Counter
from collections.abc import Callable, Collection
from threading import Lock

from airflow_provider_hvsms.sandbox import Fault, Sandbox, Settings
from airflow_provider_hvsms.sandbox.http.faults import MakeResponse, Wait
from airflow_provider_hvsms.sandbox.http.response import Response

SETTINGS = Settings(messages=20, days=1, light=1_000_000, auth=1_000, opt_outs=3, sending_time=1.0)


class CampaignService:
    """A sandbox of one campaign.

    :ivar requests: when a request for a batch came, by the recipients in it.
    """

    def __init__(self) -> None:
        self.sandbox = Sandbox(SETTINGS)
        self.requests: list[float] = []
        self._own: set[str] = set()
        self._lock = Lock()

    def add(self, fault: Fault, *, after: int = 0) -> None:
        """Schedule a fault for a request for a batch, after so many of them."""
        self.sandbox.faults.add(self._observed(fault), path="/batches", after=after, method="POST")

    def observe(self) -> None:
        """Note the requests without a fault; called after all `add`."""
        self.sandbox.faults.add(
            self._observed(Fault(lambda make, _: make())), times=None, path="/batches", method="POST"
        )

    def disown(self, response: Response) -> None:
        """Count the batch of a response as somebody else's."""
        self._own.discard(json.loads(response.body)["id"])

    def own_counts(self) -> Counter[str]:
        """How often the campaign's own requests created a message for each recipient."""
        return self.counts_of(self._own)

    def counts_of(self, batch_ids: Collection[str]) -> Counter[str]:
        messages = self.sandbox.store.sent_messages()
        return Counter(one.to_numbers[0] for one in messages if one.batch_id in batch_ids)

    @property
    def own_batches(self) -> frozenset[str]:
        return frozenset(self._own)

    def _observed(self, fault: Fault) -> Fault:
        def respond(make: MakeResponse, wait: Wait) -> Response:
            with self._lock:
                self.requests.append(time.time())
            return fault.respond(_First(make, self.note), wait)

        return dataclasses.replace(fault, respond=respond)

    def note(self, response: Response) -> None:
        if response.status == 201:
            with self._lock:
                self._own.add(json.loads(response.body)["id"])


class _First:
    """Makes responses; the first is the campaign's own, any other is for somebody else's request."""

    def __init__(self, make: MakeResponse, note: Callable[[Response], None]) -> None:
        self._make = make
        self.note = note
        self._made = False

    def __call__(self) -> Response:
        response = self._make()
        if not self._made:
            self._made = True
            self.note(response)
        return response
