"""Airflow's page of connections in a headless Chromium, as a person uses it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.end_to_end.session_keeper import SessionKeeper

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
CHROMEDRIVER = shutil.which("chromedriver")
ARGUMENTS = (
    "--headless=new", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--window-size=1300,1900",
)  # fmt: skip
TIMEOUT = 60.0

T = TypeVar("T")


@contextmanager
def chromium(profile: Path) -> Iterator[webdriver.Chrome]:
    """A browser that ends with the block, and with the process of the tests too."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    # The sandbox of Chromium does not start for root.
    for argument in (*ARGUMENTS, f"--user-data-dir={profile}", *(["--no-sandbox"] if os.geteuid() == 0 else [])):
        options.add_argument(argument)
    service = webdriver.ChromeService(str(CHROMEDRIVER), popen_kw={"start_new_session": True})
    with SessionKeeper() as keeper:
        driver = webdriver.Chrome(options=options, service=service)
        keeper.keep(service.process.pid)
        try:
            yield driver
        finally:
            driver.quit()


class ConnectionsPage:
    """The list of connections, and the form above it."""

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        self._driver = driver
        self._url = url
        driver.get(f"{url}/auth/token/login")

    def add(self, conn_id: str, connection_type: str) -> None:
        """Open the form of a new connection."""
        self._open()
        self._click("//button[normalize-space()='Add Connection']")
        self._type("//input[@name='connection_id']", conn_id)
        self._type("//input[@role='combobox']", connection_type)
        self._click(f"//*[@role='option'][normalize-space()='{connection_type}']")

    def edit(self, conn_id: str) -> None:
        """Open the form of a saved connection with a JWT, and wait until the form has filled in the extra too."""
        self._open()
        self._click(_in_row(conn_id, "Edit Connection"))
        self._wait(lambda: self.text_of("jwt_token"))

    def show(self, section: str) -> None:
        """Unfold a section of the form, as "Extra Fields"."""
        header = f"//button[normalize-space()='{section}']"
        if self._find(header).get_attribute("aria-expanded") != "true":
            self._click(header)

    def fill_in(self, field: str, text: str) -> None:
        self._type(_field(field), text)

    def text_of(self, field: str) -> str:
        return str(self._find(_field(field)).get_attribute("value"))

    def flip(self, switch: str) -> None:
        self._click(f"{_field(switch)}/ancestor::label")

    def is_on(self, switch: str) -> bool:
        return self._find(_field(switch)).is_selected()

    def save(self) -> None:
        self._click("//button[normalize-space()='Save']")
        self._wait(lambda: not self._driver.find_elements(By.XPATH, "//*[@role='dialog']"))

    def test(self, conn_id: str) -> tuple[str, str]:
        """Click *Test* of a saved connection, and return the title and the text that appear."""
        self._open()
        self._click(_in_row(conn_id, "Test Connection"))
        toast = "//*[@data-scope='toast' and @data-part='{}']"
        title = self._wait(lambda: self._find(toast.format("title")).text)
        return title, self._wait(lambda: self._find(toast.format("description")).text)

    def _open(self) -> None:
        self._driver.get(f"{self._url}/connections")

    def _type(self, path: str, text: str) -> None:
        """Put text into a field at once, as by pasting it: the form may lose keys that come faster than a person's."""

        def focus() -> bool:
            field = self._driver.find_element(By.XPATH, path)
            field.click()
            return bool(field == self._driver.switch_to.active_element)

        self._wait(focus)
        self._driver.execute_cdp_cmd("Input.insertText", {"text": text})
        self._wait(lambda: self._find(path).get_attribute("value") == text)

    def _click(self, path: str) -> None:
        def click() -> bool:
            element = self._driver.find_element(By.XPATH, path)
            if element.is_enabled():
                element.click()
                return True
            return False

        self._wait(click)

    def _find(self, path: str) -> WebElement:
        return self._wait(lambda: self._driver.find_element(By.XPATH, path))

    def _wait(self, attempt: Callable[[], T]) -> T:
        """Repeat what a page that is still changing does not allow yet."""
        waiting = WebDriverWait(self._driver, TIMEOUT, 0.1, ignored_exceptions=[WebDriverException])
        return waiting.until(lambda _: attempt())


def _in_row(conn_id: str, button: str) -> str:
    return f"//tr[td[normalize-space()='{conn_id}']]//button[@aria-label='{button}']"


def _field(name: str) -> str:
    """A field of the connection, or one of its extra."""
    return f"//*[(self::input or self::textarea) and (@name='{name}' or @name='element_{name}')]"
