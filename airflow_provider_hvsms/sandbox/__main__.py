"""The sandbox from the command line: ``python -m airflow_provider_hvsms.sandbox serve``."""

from __future__ import annotations

import argparse
import json
import math
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Event

from airflow_provider_hvsms.sandbox import Sandbox, Settings
from airflow_provider_hvsms.sandbox.settings import ALL_RATE_HEADERS, RETRY_HEADER

_DEFAULTS = Settings(port=8080, live_batches=3)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status."""
    given = _parser().parse_args(arguments)
    if given.command == "demo":
        return _demo()
    return _serve(_settings(given))


def _demo() -> int:
    from airflow_provider_hvsms.sandbox.demo import run_demo

    return run_demo()


def _serve(settings: Settings) -> int:
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        sandbox = Sandbox(settings).start()
    except OSError as error:
        print(f"The sandbox cannot listen on port {settings.port}: {error.strerror}.", file=sys.stderr)
        return 1
    print(_greeting(sandbox), flush=True)
    stop.wait()
    sandbox.stop()
    print("\nCounters:", flush=True)
    print(json.dumps(sandbox.counters.snapshot(), indent=2), flush=True)
    return 0


def _greeting(sandbox: Sandbox) -> str:
    settings = sandbox.settings
    return (
        f"The message store listens on {sandbox.url}\n"
        f"History: {settings.messages} messages of the {settings.days} days before {settings.end}.\n"
        f"Limits: {settings.light} reads and {settings.auth} logins in {settings.window:g} s.\n"
        f"Password login: {settings.username} extension {settings.extension} password {settings.password}\n\n"
        f"airflow connections add hvsms_default --conn-json '{json.dumps(sandbox.airflow_connection)}'\n\n"
        "Ctrl-C ends it."
    )


def _settings(given: argparse.Namespace) -> Settings:
    flags = ("command", "no_rate_headers", "no_gzip")
    values = {name: value for name, value in vars(given).items() if name not in flags}
    values["gzip"] = not given.no_gzip
    if given.no_rate_headers:
        values["rate_headers"] = ALL_RATE_HEADERS & {RETRY_HEADER}
    return Settings(**values)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m airflow_provider_hvsms.sandbox", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser(
        "serve",
        help="serve a message store on 127.0.0.1",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    commands.add_parser("demo", help="run the whole story on a local message store")
    _add_data(serve)
    _add_limits(serve)
    for name, text in _CREDENTIALS.items():
        option = f"--{name.replace('_', '-')}"
        serve.add_argument(option, dest=name, default=getattr(_DEFAULTS, name), type=_text, metavar="TEXT", help=text)
    return parser


_CREDENTIALS = {
    "client_id": "client id of the app",
    "client_secret": "client secret of the app",
    "jwt": "JWT of the user",
    "username": "phone number of the user",
    "extension": "extension of the user",
    "password": "password of the user",
    "account_id": "id of the account, beside ~",
}


def _add_data(serve: argparse.ArgumentParser) -> None:
    _add(serve, "port", _port, "port; 0 takes a free one")
    _add(serve, "messages", _whole(0), "messages in the history")
    _add(serve, "days", _whole(1), "length of the history in days")
    _add(serve, "seed", _whole(0), "the same seed gives the same history")
    _add(
        serve,
        "end",
        _moment,
        "end of the history, ISO 8601 with a time zone; by default a UTC midnight, such that all messages have settled",
    )
    serve.add_argument("--written-ahead", action="store_true", help="write the messages once, not for each page")
    _add(serve, "opt_outs", _whole(0), "opt-out records")
    _add(serve, "live_batches", _whole(0), "batches that start now and make progress over some minutes")


def _add_limits(serve: argparse.ArgumentParser) -> None:
    _add(serve, "latency", _seconds(zero=True), "seconds that every answer is held back")
    _add(serve, "light", _whole(1), "reads that are allowed in a window")
    _add(serve, "auth", _whole(1), "token requests that are allowed in a window")
    _add(serve, "window", _seconds(), "length of the sliding window in seconds")
    _add(serve, "penalty", _seconds(zero=True), "seconds that a client is kept out after it went past a limit")
    _add(serve, "token_ttl", _whole(1), "life of an access token in seconds")
    _add(serve, "page_token_ttl", _seconds(), "life of a page token in seconds; by default for ever")
    serve.add_argument("--no-rate-headers", action="store_true", help="send no X-Rate-Limit headers")
    serve.add_argument("--named-errors", action="store_true", help="errors have a name at the top, their code nested")
    serve.add_argument("--no-gzip", action="store_true", help="compress no answer")
    _add(serve, "page_shift", int, "messages of a page that come again on the next; below zero: that come on neither")


def _add(serve: argparse.ArgumentParser, name: str, read: Callable[[str], object], text: str) -> None:
    option = f"--{name.replace('_', '-')}"
    serve.add_argument(option, dest=name, default=getattr(_DEFAULTS, name), type=read, metavar="N", help=text)


def _whole(least: int) -> Callable[[str], int]:
    def whole(value: str) -> int:
        if not value.lstrip("-").isdecimal() or int(value) < least:
            raise argparse.ArgumentTypeError(f"{value!r} is not a whole number of at least {least}.")
        return int(value)

    return whole


def _port(value: str) -> int:
    port = _whole(0)(value)
    if port > 65_535:
        raise argparse.ArgumentTypeError(f"{value!r} is not a port: those end at 65535.")
    return port


def _seconds(zero: bool = False) -> Callable[[str], float]:
    def seconds(value: str) -> float:
        wanted = "at least zero" if zero else "above zero"
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number) or number < 0 or (number == 0 and not zero):
            raise argparse.ArgumentTypeError(f"{value!r} is not a number of seconds {wanted}.")
        return number

    return seconds


def _moment(value: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{value!r} is not an ISO 8601 date and time.") from None
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{value!r} needs a time zone, such as Z or +02:00.")
    return moment


def _text(value: str) -> str:
    if not value:
        raise argparse.ArgumentTypeError("An empty value is not allowed.")
    return value


if __name__ == "__main__":
    raise SystemExit(main())
