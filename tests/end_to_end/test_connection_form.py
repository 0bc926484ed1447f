"""The form of a connection in a real browser: what it shows, what it stores, and what *Test* says."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import pytest

from airflow_provider_hvsms.sandbox import Sandbox, Settings
from tests.end_to_end.airflow_processes import RunningAirflow
from tests.end_to_end.connections_page import CHROMEDRIVER, CHROMIUM, ConnectionsPage, chromium

pytestmark = pytest.mark.skipif(
    not (CHROMIUM and CHROMEDRIVER), reason="these tests drive Chromium: install it and its chromedriver"
)

TYPE = "RingCentral High Volume SMS"
SUCCESS = ("Test Connection Successful", "Logged in, and read the message store.")
FAILED = "Test Connection Failed"


@pytest.fixture(scope="module")
def store() -> Iterator[Sandbox]:
    with Sandbox(Settings(messages=100, days=1, light=10_000, auth=1_000)) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def airflow_connections(store: Sandbox) -> dict[str, Any]:
    right = {**store.airflow_connection, "port": port_of(store)}
    extra = right["extra"]
    return {
        "right": right,
        "wrong_secret": {**right, "password": "wrong"},
        "wrong_jwt": {**right, "extra": {"jwt_token": "x.y.z"}},
        "wrong_host": {**right, "host": "http://127.0.0.1", "port": 1},
        "masked": {**right, "extra": {"jwt_token": "***"}},
        "unchanged_before": {**right, "extra": {**extra, "share_token": "***"}},
    }


@pytest.fixture(scope="module")
def airflow_components() -> Collection[str]:
    return ["api-server"]


@pytest.fixture(scope="module")
def airflow_environment() -> dict[str, str]:
    return {"AIRFLOW__CORE__TEST_CONNECTION": "Enabled"}


@pytest.fixture(scope="module")
def page(running_airflow: RunningAirflow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConnectionsPage]:
    with chromium(tmp_path_factory.mktemp("chromium")) as driver:
        yield ConnectionsPage(driver, running_airflow.url)


def port_of(store: Sandbox) -> int:
    return int(store.url.rpartition(":")[2])


def fill_in(page: ConnectionsPage, store: Sandbox, conn_id: str) -> None:
    """A new connection to the store, not saved yet; its extra fields are shown."""
    connection = store.airflow_connection
    page.add(conn_id, TYPE)
    for field in ("host", "login", "password"):
        page.fill_in(field, connection[field])
    page.fill_in("port", str(port_of(store)))
    page.show("Extra Fields")
    page.fill_in("jwt_token", connection["extra"]["jwt_token"])


def test_a_connection_entered_in_the_form_works_and_masks_its_secrets(page: ConnectionsPage, store: Sandbox) -> None:
    fill_in(page, store, "typed")
    page.save()
    assert page.test("typed") == SUCCESS
    page.edit("typed")
    assert [page.text_of(field) for field in ("host", "login", "password")] == [store.url, "sandbox-client", "***"]
    assert page.text_of("jwt_token") == "***"


def test_a_connection_that_is_saved_again_keeps_its_masked_secrets(page: ConnectionsPage, store: Sandbox) -> None:
    fill_in(page, store, "edited")
    page.save()
    page.edit("edited")
    page.show("Extra Fields")
    page.fill_in("quota_share", "0.5")
    page.save()
    assert page.test("edited") == SUCCESS


def test_an_unchanged_switch_is_off_and_stays_off(page: ConnectionsPage, store: Sandbox) -> None:
    fill_in(page, store, "unchanged")
    assert not page.is_on("shared_session")
    page.save()
    page.edit("unchanged")
    assert not page.is_on("shared_session")


def test_a_switch_keeps_its_state(page: ConnectionsPage, store: Sandbox) -> None:
    fill_in(page, store, "switched")
    for turned_on in (True, False):
        page.flip("shared_session")
        page.save()
        page.edit("switched")
        page.show("Extra Fields")
        assert page.is_on("shared_session") is turned_on


@pytest.mark.parametrize(
    ("conn_id", "message"),
    [
        ("wrong_secret", "the client id (the connection's login) or the client secret (its password) is wrong"),
        ("wrong_jwt", "jwt_token in the connection's extra is not valid for this app"),
        ("wrong_host", "no complete response from http://127.0.0.1:1: "),
        ("masked", "jwt_token in the extra is '***'"),
    ],
)
def test_the_test_button_reports_what_is_wrong_with_a_saved_connection(
    page: ConnectionsPage, conn_id: str, message: str
) -> None:
    title, text = page.test(conn_id)
    assert title == FAILED
    assert message in text


@pytest.mark.parametrize("conn_id", ["right", "unchanged_before"])
def test_the_test_button_reports_success_for_a_saved_connection(page: ConnectionsPage, conn_id: str) -> None:
    assert page.test(conn_id) == SUCCESS
