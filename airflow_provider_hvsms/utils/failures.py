"""Errors of this package as Airflow handles them: which end a task at once, and which are left to its retries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow.providers.common.compat.sdk import AirflowFailException, AirflowNotFoundException

from airflow_provider_hvsms.api.errors import ConnectionUnavailable, LoginRefused, PermanentError, PermissionDenied


@contextmanager
def fail_without_retry(hvsms_conn_id: str) -> Iterator[None]:
    """Convert a permanent error into one that fails the task without retries. A transient error passes unchanged.

    The cause is dropped: the message is complete, and the task log is shorter without its traceback.
    """
    try:
        yield
    except (LoginRefused, PermissionDenied) as error:
        raise AirflowFailException(f"Connection {hvsms_conn_id!r}: {error}") from None
    except PermanentError as error:
        raise AirflowFailException(str(error)) from None


@contextmanager
def explain_missing_connection(conn_id: str) -> Iterator[None]:
    """Convert Airflow's error for a connection that it does not find into a transient one, which says what to do.

    The connection may exist: Airflow raises the same error when a secrets backend or its API server fails.
    """
    try:
        yield
    except AirflowNotFoundException as error:
        raise ConnectionUnavailable(
            f"Airflow did not find the connection {conn_id!r} ({error}). Either it does not exist: create it, or "
            "correct the connection id. Or a secrets backend or the API server did not answer: try again."
        ) from error
