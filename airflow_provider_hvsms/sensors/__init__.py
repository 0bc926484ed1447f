"""Waiting for batches."""
