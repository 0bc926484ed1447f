"""The client: the reads of the message store, and what can be sent to it."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from types import TracebackType

from airflow_provider_hvsms.api.account import Account, in_path
from airflow_provider_hvsms.api.auth.credentials import Credentials
from airflow_provider_hvsms.api.auth.session import MAX_RENEWALS, Session
from airflow_provider_hvsms.api.auth.shared_session import TokenStore
from airflow_provider_hvsms.api.coverage import with_coverage
from airflow_provider_hvsms.api.decoding import decode_assignment, decode_record, decode_statuses, page_decoder
from airflow_provider_hvsms.api.filters import (
    MAX_PER_PAGE,
    BatchFilter,
    MessageFilter,
    OnInvalid,
    OptOutFilter,
    StatusFilter,
    check_concurrency,
)
from airflow_provider_hvsms.api.listing import iter_records
from airflow_provider_hvsms.api.quota.quota import Quota, QuotaLeft, UsageGroup
from airflow_provider_hvsms.api.reader_count import count_readers
from airflow_provider_hvsms.api.records import Batch, Message, OptOut, Page, StatusTotals
from airflow_provider_hvsms.api.sending import OptOutAssignment, OutgoingBatch, assignment_body
from airflow_provider_hvsms.api.slices import read_in_slices
from airflow_provider_hvsms.api.transport import TimeLimits, Transport
from airflow_provider_hvsms.api.window import Window

log = logging.getLogger(__name__)


def connect(
    credentials: Credentials,
    *,
    account_id: str = "~",
    limits: TimeLimits | None = None,
    quota_share: float = 1.0,
    token_store: TokenStore | None = None,
) -> MessageStoreClient:
    """Return a client of the message store. Nothing is sent before its first read.

    Clients of one process that were made with equal arguments share one session and one quota.

    Example::

        credentials = Credentials("https://platform.ringcentral.com", client_id, client_secret, JwtGrant(jwt))
        with connect(credentials) as client:
            batch = client.get_batch("b1")

    :param credentials: server, app and user.
    :param account_id: `~` (default) for the account of the user who logs in.
    :param limits: how long to wait, and how often to try; see `TimeLimits` for the defaults.
    :param quota_share: the part of the quota that may be used, above 0 and up to 1 (default). Clients of one user with
        different shares learn of each other only from the service's headers, as different programs do.
    :param token_store: shares the session with other processes; `None` (default): each process logs in for itself.
    :raises InvalidRequest: the account id is empty.
    """
    limits = limits or TimeLimits()
    transport = Transport(credentials.server, quota=_quota_of(credentials, quota_share), limits=limits)
    session = _session_of(credentials, limits, quota_share, token_store)
    return MessageStoreClient(transport, session, account_id=account_id)


class MessageStoreClient:
    """Reads the message store of one account, and sends to it. Usable by threads. Close it, or use a `with` block.

    Every read may raise `LoginRefused`, `PermissionDenied` or `InvalidRequest` at once, and `ServiceUnavailable`,
    `UnexpectedResponse`, `QuotaExceeded` or `SessionEnded` when its retries are used up.

    Example::

        with connect(credentials) as client:
            yesterday = Window(midnight - timedelta(days=1), midnight)
            for message in client.iter_messages(yesterday, MessageFilter(direction="Outbound")):
                print(message.id, message.message_status)

    :param transport: sends the requests.
    :param session: provides access tokens.
    :param account_id: `~` (default) for the account of the user who logs in.
    """

    def __init__(self, transport: Transport, session: Session, *, account_id: str = "~") -> None:
        self._account = Account(transport, session, account_id)
        self._transport = transport
        self.close = self._account.close

    @property
    def requests(self) -> int:
        """Requests that this client sent, retries included, logins not."""
        return self._transport.requests

    @property
    def waited(self) -> float:
        """Seconds in which requests of this client waited for quota."""
        return self._transport.waited

    @property
    def quota_left(self) -> QuotaLeft | None:
        """What is left of the quota for reads; `None` while no limit is known."""
        return self._transport.quota_left(UsageGroup.LIGHT)

    @property
    def clock_difference(self) -> timedelta | None:
        """How far this machine's clock is ahead of the service's, by the `Date` of the latest answer to this client.

        It is negative if it is behind, and `None` before the first such answer.
        """
        return self._transport.clock.difference

    def message_pages(
        self,
        window: Window,
        wanted: MessageFilter | None = None,
        *,
        per_page: int = MAX_PER_PAGE,
        on_invalid: OnInvalid = "fail",
        concurrency: int = 1,
        find_unknown: bool = False,
    ) -> Iterator[Page[Message]]:
        """The messages created in a window, page by page, in no particular order.

        :param per_page: records in a page, 1 to 1000 (default).
        :param on_invalid: `fail` (default) raises `InvalidRecord` for a record that cannot be read, `quarantine` puts
            it into the page's rejects.
        :param concurrency: 1 (default) reads one page after the other. With 2 to 16, where the quota allows several
            requests in the time that one takes, the window is cut into slices and this many of them are read at once,
            or up to twice as many if part of the quota would otherwise be unused. A slice costs at most one request
            more than reading in sequence, and so does the first page, by which the slices are cut.
        :param find_unknown: also find fields that this version does not know: the page's `unknown_fields` has their
            names, each record's `extra` their values. Records may then be of a subtype. By default they are ignored.
        """

        def read(part: Window) -> Iterator[Page[Message]]:
            parameters = {**part.as_parameters(), **(wanted or MessageFilter()).as_parameters()}
            return with_coverage(self._account.pages("/messages", parameters, per_page, on_invalid, decode), part)

        decode = page_decoder(Message, find_unknown=find_unknown)
        check_concurrency(concurrency)
        if concurrency == 1:
            return read(window)
        return read_in_slices(
            read, window, per_page=per_page, count_readers=lambda: count_readers(self._transport, concurrency)
        )

    def iter_messages(
        self, window: Window, wanted: MessageFilter | None = None, *, per_page: int = MAX_PER_PAGE
    ) -> Iterator[Message]:
        """The messages created in a window, one by one; one page is in memory at a time."""
        return iter_records(self.message_pages(window, wanted, per_page=per_page))

    def get_message(self, message_id: str) -> Message:
        """A message with its text.

        :raises NotFound: it does not exist.
        """
        path = f"/messages/{in_path('message id', message_id)}"
        return self._account.read(path, {}, lambda body: decode_record(body, Message))

    def batch_pages(
        self,
        window: Window,
        wanted: BatchFilter | None = None,
        *,
        per_page: int = MAX_PER_PAGE,
        on_invalid: OnInvalid = "fail",
        find_unknown: bool = False,
    ) -> Iterator[Page[Batch]]:
        """The batches created in a window, page by page. Arguments are those of `message_pages`."""
        parameters = {**window.as_parameters(), **(wanted or BatchFilter()).as_parameters()}
        decode = page_decoder(Batch, find_unknown=find_unknown)
        return with_coverage(self._account.pages("/batches", parameters, per_page, on_invalid, decode), window)

    def iter_batches(
        self, window: Window, wanted: BatchFilter | None = None, *, per_page: int = MAX_PER_PAGE
    ) -> Iterator[Batch]:
        """The batches created in a window, one by one."""
        return iter_records(self.batch_pages(window, wanted, per_page=per_page))

    def get_batch(self, batch_id: str) -> Batch:
        """A batch.

        :raises NotFound: it does not exist.
        """
        path = f"/batches/{in_path('batch id', batch_id)}"
        return self._account.read(path, {}, lambda body: decode_record(body, Batch))

    def get_statuses(self, window: Window, wanted: StatusFilter | None = None) -> StatusTotals:
        """How many messages created in a window have each status, and what they cost."""
        parameters = {**window.as_parameters(), **(wanted or StatusFilter()).as_parameters()}
        return self._account.read("/statuses", parameters, decode_statuses)

    def opt_out_pages(
        self,
        wanted: OptOutFilter | None = None,
        *,
        per_page: int = MAX_PER_PAGE,
        on_invalid: OnInvalid = "fail",
        find_unknown: bool = False,
    ) -> Iterator[Page[OptOut]]:
        """The present opt-outs, page by page; they have no window. Arguments are those of `message_pages`."""
        parameters = (wanted or OptOutFilter()).as_parameters()
        return self._account.pages(
            "/opt-outs", parameters, per_page, on_invalid, page_decoder(OptOut, find_unknown=find_unknown)
        )

    def iter_opt_outs(self, wanted: OptOutFilter | None = None, *, per_page: int = MAX_PER_PAGE) -> Iterator[OptOut]:
        """The present opt-outs, one by one."""
        return iter_records(self.opt_out_pages(wanted, per_page=per_page))

    def send_batch(self, batch: OutgoingBatch, *, before_sending: Callable[[], None] = lambda: None) -> Batch:
        """Send a batch by one request, and return it as created: with the recipients that the service rejected.

        Only this answer names them. The service has no idempotency key, so the request is repeated only after 429 and
        where no connection could be opened. An error of the service's own (4xx) means that nothing was created
        (RingCentral: error handling).

        :param before_sending: called each time right before the request leaves; if it raises, nothing is sent.
        :raises InvalidRequest: a number, a text or the number of messages is not acceptable.
        :raises OutcomeUnknown: the answer was lost or says nothing, so that the batch may have been created.
        """
        return self._account.change(
            "/batches", batch.as_body(), lambda body: decode_record(body, Batch), before_sending=before_sending
        )

    def assign_opt_outs(
        self, from_number: str, *, opt_outs: Sequence[str] = (), opt_ins: Sequence[str] = ()
    ) -> OptOutAssignment:
        """Opt recipients out of messages from a sender, or in again, by one request.

        Its answer says for each number whether it was set. Repeating it does no harm.

        :raises InvalidRequest: there is no number, one is not acceptable, or one is in both lists.
        :raises OutcomeUnknown: the answer was lost or says nothing.
        """
        return self._account.change(
            "/opt-outs/bulk-assign",
            assignment_body(from_number, opt_outs=opt_outs, opt_ins=opt_ins),
            decode_assignment,
            before_sending=lambda: None,
        )

    def window_of_batch(self, batch_id: str, *, now: datetime | None = None) -> Window:
        """The window from the creation of a batch to now, in which its messages are.

        Without dates the service would read the last 24 hours only, even with a batch id (RingCentral: dateFrom).

        :param now: aware; the present by default.
        :raises NotFound: the batch does not exist.
        """
        batch = self.get_batch(batch_id)
        if batch.status != "Completed":
            log.warning(
                "Batch %s is %s: %s of %s messages processed. Messages that follow later are not read now.",
                batch_id, batch.status, batch.processed_count, batch.batch_size,
            )  # fmt: skip
        now = now or datetime.now(UTC)
        return Window(batch.creation_time, max(now, batch.creation_time + timedelta(seconds=1)))

    def __enter__(self) -> MessageStoreClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@functools.cache
def _quota_of(credentials: Credentials, share: float) -> Quota:  # noqa: ARG001 - part of the cache's key
    return Quota(share=share)


@functools.cache
def _session_of(
    credentials: Credentials, limits: TimeLimits, quota_share: float, token_store: TokenStore | None
) -> Session:
    transport = Transport(credentials.server, quota=_quota_of(credentials, quota_share), limits=limits)
    return Session(credentials, transport, token_store=token_store, max_renewals=min(MAX_RENEWALS, limits.tries - 1))
