"""Ports for servers that are not of the tests' own making."""

from __future__ import annotations

import random
import socket


def free_port() -> int:
    """A free port that stays so until its server starts, which may take a while.

    It is none of those that the system gives to connections and to servers that ask for any (from 32768 on in Linux).
    """
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as listener:
            try:
                listener.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
