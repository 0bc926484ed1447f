"""The pages of a DAG run and of its tasks in a headless Chromium, as far as they show delivery reports."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import quote

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

TIMEOUT = 30.0

T = TypeVar("T")


class ReportPages:
    def __init__(self, driver: webdriver.Chrome, url: str, token: str) -> None:
        """`token` is that of a user, who is logged in by it."""
        self.driver = driver
        self._url = url
        driver.get(f"{url}/auth/login")
        driver.add_cookie({"name": "_token", "value": token, "sameSite": "Lax"})

    def open_tab(self, dag_id: str, run_id: str) -> None:
        """Open a DAG run, click the tab *Delivery report*, and look into its frame."""
        self.driver.get(f"{self._url}/dags/{quote(dag_id)}/runs/{quote(run_id)}")
        self._click(By.XPATH, "//a[normalize-space()='Delivery report']")
        frame = self.wait(lambda: self.driver.find_element(By.TAG_NAME, "iframe"))
        self.driver.switch_to.frame(frame)

    def follow_link(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Open a task of a run, and follow its link *Delivery report*. Airflow 3.1 opens it in another window."""
        self.driver.get(f"{self._url}/dags/{quote(dag_id)}/runs/{quote(run_id)}/tasks/{quote(task_id)}/details")
        self._click(By.XPATH, "//a[normalize-space()='Delivery report'][contains(@href, 'hvsms/report')]")
        self.wait(self._switch_to_report)

    def close_other_windows(self) -> None:
        first, *others = self.driver.window_handles
        for window in others:
            self.driver.switch_to.window(window)
            self.driver.close()
        self.driver.switch_to.window(first)

    def follow(self, text: str) -> None:
        self._click(By.LINK_TEXT, text)

    def text_of(self, selector: str) -> str:
        """The text of an element, once it is there."""
        return self.wait(lambda: self.driver.find_element(By.CSS_SELECTOR, selector).text)

    def _switch_to_report(self) -> bool:
        self.driver.switch_to.window(self.driver.window_handles[-1])
        return "/hvsms/report?" in self.driver.current_url

    def _click(self, by: str, value: str) -> None:
        def click() -> bool:
            self.driver.find_element(by, value).click()
            return True

        self.wait(click)

    def wait(self, attempt: Callable[[], T | None]) -> T:
        """Repeat what a page that is still changing does not allow yet."""
        waiting = WebDriverWait(self.driver, TIMEOUT, 0.1, ignored_exceptions=[WebDriverException])
        found = waiting.until(lambda _: attempt())
        assert found
        return found
