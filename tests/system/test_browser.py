"""MLflow's pages behind the guard, in a real browser: what somebody sees and does who has a login and some permissions."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from selenium import webdriver
from selenium.common.exceptions import TimeoutException
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from support import mlflow_server
from support.guard_walk.client import Client
from support.mlflow_server import MlflowServer

API = "/api/2.0/mlflow"
PASSWORD = "a-long-password"
# What a page asks for that bob does not get: the Assistant, and an icon of MLflow's that there is not.
EXPECTED = {"403 /ajax-api/3.0/mlflow/assistant/config", "403 /ajax-api/3.0/mlflow/assistant/providers"}
ICON = "404 /favicon.ico"
SECONDS = 60  # until a page shows what it has; they are large


class People:
    """bob's experiment with two runs, one of which has an artifact."""

    def __init__(self, server: MlflowServer):
        self.server = server
        admin = Client(server.port, ("admin", server.password or ""))
        self.bob = Client(server.port, ("bob", PASSWORD))
        assert admin.ask("POST", f"{API}/users/create", {"username": "bob", "password": PASSWORD}).is_good
        self.experiment = self.ok("experiments/create", {"name": "churn"})["experiment_id"]
        self.runs = [self.run(name, value) for name, value in (("first-run", 0.25), ("second-run", 0.75))]
        self.upload(self.runs[0], "notes.txt", "what was learned")

    def ok(self, path: str, body: dict) -> dict:
        answer = self.bob.ask("POST", f"{API}/{path}", body)
        assert answer.is_good, answer.text
        return answer.json()

    def run(self, name: str, value: float) -> str:
        body = {"experiment_id": self.experiment, "run_name": name, "start_time": int(time.time() * 1000)}
        id_ = self.ok("runs/create", body)["run"]["info"]["run_id"]
        metric = {"key": "accuracy", "value": value, "timestamp": body["start_time"], "step": 0}
        self.ok("runs/log-batch", {"run_id": id_, "metrics": [metric], "params": [{"key": "depth", "value": "3"}]})
        return id_

    def upload(self, run: str, path: str, text: str) -> None:
        place = f"/api/2.0/mlflow-artifacts/artifacts/{self.experiment}/{run}/artifacts/{path}"
        assert self.bob.ask("PUT", place, text.encode()).is_good


class Browser:
    """Chromium, in which bob has logged in: the browser keeps what stands in the first address, as after its own dialog."""

    def __init__(self, server: MlflowServer):
        self.port = server.port
        options = webdriver.ChromeOptions()
        for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1600,1200"):
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
        self.driver = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
        self.driver.set_script_timeout(SECONDS)
        self.driver.get(f"http://bob:{PASSWORD}@127.0.0.1:{self.port}/version")

    def open(self, page: str) -> None:
        self.driver.get("about:blank")  # Otherwise only what comes after # changes, and nothing is asked for anew.
        self.driver.get(f"http://127.0.0.1:{self.port}/#{page}")

    def shows(self, *texts: str) -> None:
        """:raises AssertionError: one of the TEXTS is still not on the page; the message has what is."""
        missing = list(texts)

        def has_all(_driver: object) -> bool:
            missing[:] = [text for text in texts if text not in self.text()]
            return not missing

        try:
            WebDriverWait(self.driver, SECONDS).until(has_all)
        except TimeoutException:
            raise AssertionError(f"{missing} is not in {self.text()!r}") from None

    def text(self) -> str:
        return self.driver.find_element(By.TAG_NAME, "body").text

    def refused(self) -> set[str]:
        """What was not answered with success since the last call."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        answers = [each["params"]["response"] for each in events if each["method"] == "Network.responseReceived"]
        return {f"{each['status']} {urlsplit(each['url']).path}" for each in answers if each["status"] >= 400} - {ICON}


@pytest.fixture(scope="module")
def people(tmp_path_factory) -> Iterator[People]:
    server = mlflow_server.start(tmp_path_factory.mktemp("browser"), guard=True, cheap_logins=True)
    try:
        yield People(server.wait())
    finally:
        server.stop()


@pytest.fixture(scope="module")
def browser(people: People) -> Iterator[Browser]:
    if not shutil.which("chromedriver"):
        pytest.fail("There is no browser: apt-get install chromium chromium-driver.", pytrace=False)
    browser = Browser(people.server)
    try:
        yield browser
    finally:
        browser.driver.quit()


def test_runs_are_listed_opened_and_compared(people: People, browser: Browser):
    first, second = people.runs
    browser.open(f"/experiments/{people.experiment}/runs")
    browser.shows("first-run", "second-run")
    browser.open(f"/experiments/{people.experiment}/runs/{first}")
    browser.shows("first-run", "accuracy", "0.25", "depth")
    query = f'runs=["{first}","{second}"]&experiments=["{people.experiment}"]'
    browser.open(f"/compare-runs?{query}")
    browser.shows("first-run", "second-run", "0.25", "0.75")
    assert browser.refused() == EXPECTED


def test_an_artifact_is_shown_and_uploaded(people: People, browser: Browser):
    first = people.runs[0]
    browser.open(f"/experiments/{people.experiment}/runs/{first}/artifacts/notes.txt")
    browser.shows("notes.txt", "what was learned")
    script = """
        const done = arguments[arguments.length - 1];
        fetch(arguments[0], {method: "POST", body: "from the browser"}).then(answer => done(answer.status), error => done(`${error}`));
    """
    place = f"ajax-api/2.0/mlflow/upload-artifact?run_uuid={first}&path=uploaded.txt"
    assert browser.driver.execute_async_script(script, place) == 200
    browser.open(f"/experiments/{people.experiment}/runs/{first}/artifacts/uploaded.txt")
    browser.shows("from the browser")
    assert browser.refused() == EXPECTED
