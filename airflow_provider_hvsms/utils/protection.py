"""The argument `personal_data` of an operator: when it is refused, and the protection that it asks for."""

from __future__ import annotations

from typing import Any, get_args

from airflow_provider_hvsms.api.errors import InvalidRequest, InvalidSettings
from airflow_provider_hvsms.api.filters import check_choice
from airflow_provider_hvsms.hooks.hvsms import HvsmsHook
from airflow_provider_hvsms.sinks.personal_data import PersonalData, Protection
from airflow_provider_hvsms.sinks.schema import Layout


def check_personal_data(setting: PersonalData, layout: Layout[Any], *, extra_fields: bool) -> None:
    """Check whether rows of the layout can be protected.

    :raises InvalidRequest: they cannot.
    """
    check_choice("personal_data", setting, get_args(PersonalData))
    if setting == "keep":
        return
    if extra_fields:
        raise InvalidRequest(
            f"personal_data is {setting!r} and extra_fields is True, but nobody can tell whether fields that this "
            "version does not know hold numbers or texts: leave extra_fields out, or keep personal data."
        )
    numbers_in_key = [name for name in layout.key if name in layout.number_columns]
    if setting == "drop" and numbers_in_key:
        raise InvalidRequest(
            f"personal_data is 'drop', but {' and '.join(numbers_in_key)} identify the rows and cannot be null: "
            "use 'hash', which keeps them apart."
        )


def protection_for(setting: PersonalData, hook: HvsmsHook) -> Protection:
    """The protection of one load, with the key of the connection if numbers are hashed.

    :raises InvalidSettings: the connection has no key, or a mask in its place.
    """
    hash_key = hook.hash_key() if setting == "hash" else ""
    try:
        return Protection(setting, hash_key)
    except InvalidSettings as error:
        raise InvalidSettings(f"Connection {hook.hvsms_conn_id!r}: {error}") from error
