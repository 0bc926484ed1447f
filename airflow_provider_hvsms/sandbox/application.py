"""From a request to an answer: paths, and the checks in their order."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from airflow_provider_hvsms.sandbox import answers
from airflow_provider_hvsms.sandbox.answers import Answer, Refusal
from airflow_provider_hvsms.sandbox.counters import Counters, LogEntry
from airflow_provider_hvsms.sandbox.faults import Faults
from airflow_provider_hvsms.sandbox.limits import Quota
from airflow_provider_hvsms.sandbox.numbers import OWN_NUMBERS
from airflow_provider_hvsms.sandbox.oauth import OAuth
from airflow_provider_hvsms.sandbox.paging import Tokens
from airflow_provider_hvsms.sandbox.reads import Reads
from airflow_provider_hvsms.sandbox.settings import Settings
from airflow_provider_hvsms.sandbox.store import Store

_READ = re.compile(r"/restapi/v1\.0/account/([^/]+)/a2p-sms/(messages|batches|statuses|opt-outs)(?:/([^/]+))?")
_OWN_ACCOUNT = "~"


@dataclass(frozen=True, slots=True)
class Request:
    """One request: ``target`` is path and query as sent, header names are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """The path, still percent-encoded."""
        return urlsplit(self.target).path

    @property
    def query(self) -> str:
        """The query, still percent-encoded."""
        return urlsplit(self.target).query

    def header(self, name: str) -> str:
        """Return a header's value, or an empty string."""
        return self.headers.get(name, "")

    @property
    def accepts_csv(self) -> bool:
        """Whether CSV is asked for."""
        return "text/csv" in self.header("accept").lower()


@dataclass(frozen=True, slots=True)
class _Read:
    """A read as its path names it."""

    name: str
    account: str
    id: str

    @property
    def is_list(self) -> bool:
        """Whether it is answered in pages."""
        return self.name in ("messages", "batches", "opt_outs")


class Application:
    """Answers every request of a sandbox.

    :param clock: seconds since the epoch, for everything that depends on time.
    :param sleep: holds an answer back by ``Settings.latency``.
    :param wait: holds an answer back by real seconds, for slow faults.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        clock: Callable[[], float],
        sleep: Callable[[float], object],
        wait: Callable[[float], object],
    ) -> None:
        self.counters = Counters()
        self.faults = Faults()
        self._settings = settings
        self._store = store
        self._clock, self._sleep, self._wait = clock, sleep, wait
        self._quota = Quota("light", settings.light, settings.window, settings.penalty, clock)
        self._oauth = OAuth(settings, clock, self.counters)
        self._reads = Reads(store, settings, Tokens(clock, settings.page_token_ttl))

    def answer(self, request: Request) -> Answer:
        """Return the answer to a request."""
        path = request.path
        if path.startswith("/sandbox/"):
            return self._answer_sandbox(request)
        if path in ("/restapi/oauth/token", "/restapi/oauth/revoke"):
            return self._answer_oauth(request)
        read = _find_read(path)
        return self._with_quota(answers.no_such_path()) if read is None else self._answer_read(request, read)

    def _answer_read(self, request: Request, read: _Read) -> Answer:
        self._hold_back()
        self.counters.read(read.name, is_first_page=read.is_list and "pageToken=" not in request.query)
        if request.method == "GET":
            answer = self._checked(request, read)
        else:
            answer = self._with_quota(answers.wrong_method("GET"))
        status = 0 if answer.wire == "nothing" else answer.status
        self.counters.answered(status)
        self.counters.log.append(LogEntry(request.method, request.target, self._clock(), status))
        return answer

    def _checked(self, request: Request, read: _Read) -> Answer:
        """Check the token, then the quota, then the permission and the parameters."""
        try:
            user = self._oauth.user_of(request.header("authorization"))
        except Refusal as refusal:
            return self._with_quota(refusal.answer)
        verdict = self._quota.ask(user)
        self.counters.asked(verdict)
        answer = (
            self._spoiled(request, lambda: self._permitted(request, read)) if verdict.allowed else answers.too_many()
        )
        return answer.having(verdict.headers(self._settings.rate_headers))

    def _permitted(self, request: Request, read: _Read) -> Answer:
        if not self._settings.permission:
            return answers.no_permission()
        if read.account not in (_OWN_ACCOUNT, self._settings.account_id):
            return answers.not_found("accountId")
        try:
            return self._dispatch(read, request)
        except Refusal as refusal:
            return refusal.answer

    def _with_quota(self, answer: Answer) -> Answer:
        """Return an answer with the headers of a quota that it was not counted in."""
        return self._named(answer).having(self._quota.unused(self._oauth.user).headers(self._settings.rate_headers))

    def _named(self, answer: Answer) -> Answer:
        return answers.with_named_code(answer) if self._settings.named_errors else answer

    def _dispatch(self, read: _Read, request: Request) -> Answer:
        query = request.query
        match read.name:
            case "messages":
                return self._reads.messages(query)
            case "message":
                return self._reads.message(read.id)
            case "batches":
                return self._reads.batches(query)
            case "batch":
                return self._reads.batch(read.id)
            case "statuses":
                return self._reads.statuses(query)
        if request.accepts_csv:
            return self._reads.opt_outs_as_csv(query)
        return self._reads.opt_outs(query)

    def _answer_oauth(self, request: Request) -> Answer:
        self._hold_back()
        answer = self._oauth.with_quota(answers.wrong_method("POST"))
        if request.method == "POST":
            answer = self._spoiled(request, lambda: self._oauth_proper(request))
        self.counters.answered(0 if answer.wire == "nothing" else answer.status)
        return answer

    def _oauth_proper(self, request: Request) -> Answer:
        form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        handle = self._oauth.token if request.path.endswith("/token") else self._oauth.revoke
        return handle(request.header("content-type"), request.header("authorization"), form)

    def _spoiled(self, request: Request, make: Callable[[], Answer]) -> Answer:
        fault = self.faults.take(request.path)
        return self._named(make()) if fault is None else fault.spoil(lambda: self._named(make()), self._wait)

    def _hold_back(self) -> None:
        if self._settings.latency > 0:
            self._sleep(self._settings.latency)

    def _answer_sandbox(self, request: Request) -> Answer:
        match request.method, request.path:
            case "GET", "/sandbox/health":
                return answers.of_json({"status": "ok"})
            case "GET", "/sandbox/counters":
                return answers.of_json(self.counters.snapshot())
            case "POST", "/sandbox/batches":
                return self._start_batch(request.body)
            case _, "/sandbox/health" | "/sandbox/counters" | "/sandbox/batches":
                return answers.error(405, "CMN-405", "Method not allowed")
        return answers.no_such_path()

    def _start_batch(self, body: bytes) -> Answer:
        try:
            wanted = json.loads(body or b"{}")
            batch_id = self._store.start_batch(
                size=min(int(wanted.get("size", 100)), 100_000),
                seconds=float(wanted.get("seconds", 60)),
                from_number=str(wanted.get("from", OWN_NUMBERS[0])),
            )
        except (ValueError, TypeError, AttributeError, OverflowError):
            return answers.error(400, "CMN-101", "The body must be JSON with size, seconds and from.")
        now = self._store.now
        batch = self._store.find_batch(batch_id, now)
        return answers.of_json(batch and self._reads.batch_record(batch, now), 201)


def _find_read(path: str) -> _Read | None:
    found = _READ.fullmatch(path)
    if found is None:
        return None
    account, resource, wanted = found.groups()
    if wanted is None:
        return _Read(resource.replace("-", "_"), unquote(account), "")
    singles = {"messages": "message", "batches": "batch"}
    return _Read(singles[resource], unquote(account), unquote(wanted)) if resource in singles else None
