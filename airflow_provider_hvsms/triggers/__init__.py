"""Waiting outside of worker slots."""
