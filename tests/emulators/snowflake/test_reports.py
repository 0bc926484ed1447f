"""A report's numbers, read from Snowflake."""

from tests.emulators.warehouses.reports import ReportTests


class TestSnowflakeReports(ReportTests):
    pass
