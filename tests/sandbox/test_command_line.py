"""The command `serve`: its options, its output and its end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request

import pytest

from airflow_provider_hvsms.sandbox.__main__ import main


@pytest.mark.parametrize(
    "option",
    [
        "--messages=-1",
        "--messages=many",
        "--days=0",
        "--light=0",
        "--auth=0",
        "--window=0",
        "--window=nan",
        "--penalty=-1",
        "--latency=-1",
        "--sending-time=-1",
        "--listing-delay=nan",
        "--token-ttl=0",
        "--port=70000",
        "--end=2026-01-01",
        "--end=soon",
        "--client-id=",
    ],
)
def test_an_invalid_option_is_refused_with_a_sentence(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["serve", option])
    assert stop.value.code == 2
    assert capsys.readouterr().err.rstrip().endswith(".")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_stops_cleanly_and_prints_its_counters(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "airflow_provider_hvsms.sandbox", "serve", "--port=0", "--messages=100"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(path for path in sys.path if path)),
    ) as process:
        assert process.stdout is not None
        shown = "".join(iter(process.stdout.readline, "Press Ctrl-C to stop.\n"))
        found = re.search(r"--conn-json '(.+)'", shown)
        assert found
        connection = json.loads(found[1])
        with urllib.request.urlopen(f"{connection['host']}/sandbox/health", timeout=5) as response:
            assert response.status == 200
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert json.loads(output.partition("Counters:")[2])["refused"] == 0
    assert connection["conn_type"] == "hvsms"
