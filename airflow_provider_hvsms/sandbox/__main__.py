"""A local message store, for trials and tests."""

from __future__ import annotations

import argparse
import json
import math
import signal
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from threading import Event

from airflow_provider_hvsms.sandbox.demo.campaign import run_campaign_demo
from airflow_provider_hvsms.sandbox.demo.daily import run_demo
from airflow_provider_hvsms.sandbox.sandbox import Sandbox
from airflow_provider_hvsms.sandbox.settings import ALL_RATE_HEADERS, RETRY_HEADER, Settings

_DEFAULTS = Settings(port=8080, live_batches=3)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    given = _parser().parse_args(arguments)
    if given.command == "demo":
        return run_campaign_demo() if given.campaign else run_demo()
    return _serve(_settings(given))


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
        f"Data: {settings.messages:,} messages of the {settings.days} days before {settings.end}\n"
        f"Quota: {settings.light} reads and {settings.auth} OAuth requests in {settings.window:g} s\n"
        f"User for a password login: {settings.username}, extension {settings.extension}, "
        f"password {settings.password}\n\n"
        "Add the Airflow connection:\n\n"
        f"airflow connections add hvsms_default --conn-json '{json.dumps(sandbox.airflow_connection)}'\n\n"
        "Press Ctrl-C to stop."
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
    serve = commands.add_parser("serve", help="serve the message store on 127.0.0.1")
    demo = commands.add_parser("demo", help="load three days into SQLite with Airflow, and print a table")
    demo.add_argument("--campaign", action="store_true", help="send a campaign instead, and print what becomes of it")
    _add_data(serve)
    _add_limits(serve)
    for name, text in _CREDENTIALS.items():
        _add(serve, name, _text, text, metavar="TEXT")
    return parser


_CREDENTIALS = {
    "client_id": "client id of the app",
    "client_secret": "client secret of the app",
    "jwt": "JWT of the user",
    "username": "phone number of the user",
    "extension": "extension of the user",
    "password": "password of the user",
    "account_id": "id of the account, as an alternative to ~",
}


def _add_data(serve: argparse.ArgumentParser) -> None:
    _add(serve, "port", _port, "port; 0 selects a free one")
    _add(serve, "messages", _integer(0), "messages in the history")
    _add(serve, "days", _integer(1), "length of the history in days")
    _add(serve, "seed", _integer(0), "the same seed gives the same history")
    _add(
        serve,
        "end",
        _aware_datetime,
        "end of the history, ISO 8601 with a time zone; by default the last UTC midnight before which all messages "
        "have settled",
        metavar="TIME",
    )
    _add(serve, "bad_day", _integer(0), "day with many failures, counted back from the end of the history; 0: none")
    serve.add_argument(
        "--prerendered", action="store_true", help="write the JSON of the history at the start, for benchmarks"
    )
    _add(serve, "opt_outs", _integer(0), "number of opt-outs")
    _add(serve, "live_batches", _integer(0), "batches that start now and complete within minutes")
    _add(serve, "sending_time", _seconds(zero=True), "seconds that a batch which a client sends takes")
    _add(serve, "listing_delay", _seconds(zero=True), "seconds for which a batch that a client sends is not listed")


def _add_limits(serve: argparse.ArgumentParser) -> None:
    _add(serve, "latency", _seconds(zero=True), "delay of every response in seconds")
    _add(serve, "light", _integer(1), "requests to the message store that are allowed in a quota window")
    _add(serve, "auth", _integer(1), "OAuth requests that are allowed in a quota window")
    _add(serve, "window", _seconds(), "length of the sliding quota window in seconds")
    _add(serve, "penalty", _seconds(zero=True), "seconds for which a client is refused after it exceeds a limit")
    _add(serve, "token_ttl", _integer(1), "lifetime of an access token in seconds")
    _add(serve, "page_token_ttl", _seconds(), "lifetime of a page token in seconds; by default it does not expire")
    serve.add_argument("--no-rate-headers", action="store_true", help="do not send the X-Rate-Limit headers")
    serve.add_argument(
        "--named-errors", action="store_true", help="errors have a name at the top and their code nested"
    )
    serve.add_argument("--no-gzip", action="store_true", help="do not compress responses")
    _add(
        serve,
        "page_shift",
        int,
        "messages of a page that are repeated on the next one; negative: that are missing from both",
    )


def _add(
    serve: argparse.ArgumentParser, name: str, parse: Callable[[str], object], text: str, metavar: str = "N"
) -> None:
    default = getattr(_DEFAULTS, name)
    text = text if default is None else f"{text} (default: {default})"
    serve.add_argument(
        f"--{name.replace('_', '-')}", dest=name, default=default, type=parse, metavar=metavar, help=text
    )


def _integer(minimum: int) -> Callable[[str], int]:
    def integer(value: str) -> int:
        if not value.lstrip("-").isdecimal() or int(value) < minimum:
            raise argparse.ArgumentTypeError(f"{value!r} is not an integer of at least {minimum}.")
        return int(value)

    return integer


def _port(value: str) -> int:
    port = _integer(0)(value)
    if port > 65_535:
        raise argparse.ArgumentTypeError(f"{value!r} is not a port: the highest is 65535.")
    return port


def _seconds(zero: bool = False) -> Callable[[str], float]:
    def seconds(value: str) -> float:
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number) or number < 0 or (number == 0 and not zero):
            expected = "at least zero" if zero else "above zero"
            raise argparse.ArgumentTypeError(f"{value!r} is not a number of seconds {expected}.")
        return number

    return seconds


def _aware_datetime(value: str) -> datetime:
    try:
        result = datetime.fromisoformat(value)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{value!r} is not an ISO 8601 date and time.") from None
    if result.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{value!r} needs a time zone, such as Z or +02:00.")
    return result


def _text(value: str) -> str:
    if not value:
        raise argparse.ArgumentTypeError("An empty value is not allowed.")
    return value


if __name__ == "__main__":
    raise SystemExit(main())
