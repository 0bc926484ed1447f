"""What the columns of an existing table in Snowflake can hold."""

from __future__ import annotations

import pytest

from airflow_provider_hvsms.sinks.sql.sql_types import TypeFamily
from airflow_provider_hvsms.sinks.warehouses.snowflake_sql import existing_column


@pytest.mark.parametrize(
    ("sql_type", "family"),
    [
        ("VARCHAR(16777216)", TypeFamily.TEXT),
        ("VARCHAR(3)", TypeFamily.TEXT),
        ("NUMBER(18,6)", TypeFamily.NUMBER),
        ("NUMBER(38,0)", TypeFamily.ROUNDED_NUMBER),
        ("NUMBER(18,2)", TypeFamily.ROUNDED_NUMBER),
        ("FLOAT", TypeFamily.NUMBER),
        ("TIMESTAMP_TZ(9)", TypeFamily.TIMESTAMP),
        ("TIMESTAMP_NTZ(6)", TypeFamily.TIMESTAMP),
        ("TIMESTAMP_LTZ(3)", TypeFamily.ROUNDED_TIMESTAMP),
        ("DATE", TypeFamily.OTHER),
        ("TIME(9)", TypeFamily.OTHER),
        ("VARIANT", TypeFamily.OTHER),
        ("VECTOR(FLOAT, 256)", TypeFamily.OTHER),
    ],
)
def test_type_holds_what_a_load_needs_or_is_known_not_to(sql_type: str, family: TypeFamily) -> None:
    column = existing_column(sql_type, needs_value=False)
    assert column.family is family
    assert column.is_json is (sql_type == "VARIANT")
