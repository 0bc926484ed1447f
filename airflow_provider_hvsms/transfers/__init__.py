"""Operators that move records from the message store to where they are used."""
