"""Loads by Snowflake's own connector, over HTTP, into the emulator fakesnow."""
