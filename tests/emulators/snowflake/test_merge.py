"""Rows are merged into a table in Snowflake by the rules of every warehouse."""

from tests.emulators.warehouses.merge import MergeTests


class TestSnowflakeMerge(MergeTests):
    pass
