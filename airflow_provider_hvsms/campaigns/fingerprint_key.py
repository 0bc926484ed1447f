"""The key of the fingerprints of a campaign, without which nobody finds numbers by trying them."""

from __future__ import annotations

from airflow_provider_hvsms.hooks.client_settings import read_fingerprint_key
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
from airflow_provider_hvsms.utils.failures import explain_missing_connection


def fingerprint_key(hook: HvsmsHook) -> bytes:
    """The key, derived from `hash_key` in the extra of the connection, or from the client secret if there is none.

    Where that secret is changed, tries of one campaign before and after the change look like two campaigns.

    :raises ConnectionUnavailable: Airflow does not find the connection.
    :raises InvalidSettings: the connection has neither secret, or the mask of one.
    """
    with explain_missing_connection(hook.hvsms_conn_id):
        connection = hook.get_connection(hook.hvsms_conn_id)
    return read_fingerprint_key(connection, hook.hvsms_conn_id)
