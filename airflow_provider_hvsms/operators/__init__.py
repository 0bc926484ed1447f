"""Operators with small answers, and what all operators share."""
