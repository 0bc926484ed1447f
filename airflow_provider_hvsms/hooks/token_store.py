"""The token that all tasks of a connection share, in an Airflow Variable."""

from __future__ import annotations

import dataclasses

import tenacity
from airflow.providers.common.compat.sdk import AirflowException, Variable, get_current_context, mask_secret

from airflow_provider_hvsms.api.auth.shared_session import TokenRecord
from airflow_provider_hvsms.api.errors import TokenStoreUnavailable

_DESCRIPTION = (
    "The session that all tasks of the connection share. Written by the provider; may be deleted at any time."
)

# Airflow 2 deletes a Variable and inserts it again: of two tasks that do so at once, one fails.
_TRIES = 3
_MAX_PAUSE = 0.3


@dataclasses.dataclass(frozen=True)
class VariableTokenStore:
    """Keeps the token in the Variable `hvsms_access_token_<connection id>`, whose name makes Airflow mask its value.

    A secrets backend or environment variable that holds the Variable comes first, as Airflow has it.
    """

    hvsms_conn_id: str

    @property
    def variable(self) -> str:
        return f"hvsms_access_token_{self.hvsms_conn_id}"

    def read(self) -> TokenRecord:
        try:
            # The default by place: Airflow 2 and 3 call it by different names.
            kept = TokenRecord.from_text(str(Variable.get(self.variable, "")))
        except Exception as error:
            raise self._unavailable("read", error) from error
        _mask(kept)
        return kept

    def write(self, kept: TokenRecord) -> None:
        _mask(kept)
        try:
            self._retrying()(Variable.set, self.variable, kept.as_text(), _DESCRIPTION)
        except Exception as error:
            raise self._unavailable("written", error) from error

    def _retrying(self) -> tenacity.Retrying:
        return tenacity.Retrying(
            stop=tenacity.stop_after_attempt(_TRIES), wait=tenacity.wait_random(0, _MAX_PAUSE), reraise=True
        )

    def _unavailable(self, done: str, error: Exception) -> TokenStoreUnavailable:
        # A database's error goes on with the statement and the value.
        reason = str(error).partition("\n")[0]
        return TokenStoreUnavailable(f"Variable {self.variable} cannot be {done}: {type(error).__name__}: {reason}")


def is_in_task() -> bool:
    """Whether a task is running here, rather than a trigger, the form's Test button or a script.

    Airflow 3 writes Variables for tasks only, and for triggers by way of their event loop, which is not for waiting. A
    triggerer needs one login for all its triggers anyway.
    """
    try:
        get_current_context()
    except (RuntimeError, AirflowException):
        return False
    return True


def _mask(kept: TokenRecord) -> None:
    if kept.session:
        mask_secret(kept.session.access_token)
        if kept.session.refresh_token:
            mask_secret(kept.session.refresh_token)
