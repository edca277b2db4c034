"""Asking a running page over plain HTTP, as somebody who does not use its buttons would."""

import json
import uuid
from dataclasses import dataclass, field

import httpx

API = "/gradio_api"


@dataclass
class Probe:
    """One visitor of a page: `client` keeps cookies, `session` is what the page knows it by."""

    url: str
    session: str = field(default_factory=lambda: uuid.uuid4().hex)
    client: httpx.Client = field(default=None)

    def __post_init__(self):
        self.client = httpx.Client(base_url=self.url, timeout=120, trust_env=False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.client.close()

    def config(self):
        return self.client.get("/config").json()

    def join(self, function, data):
        """Put a call of a handler into the queue; the response says whether it was taken."""
        body = {"data": data, "fn_index": function, "session_hash": self.session}
        return self.client.post(f"{API}/queue/join", json=body)

    def answer(self, event, session=None):
        """Wait for the last message about an event."""
        place = f"{API}/queue/data?session_hash={session or self.session}"
        with self.client.stream("GET", place) as stream:
            for line in stream.iter_lines():
                message = json.loads(line.removeprefix("data: ")) if line else {}
                if message.get("msg") == "process_completed" and message["event_id"] == event:
                    return message
        raise AssertionError("the page ended the stream without an answer")

    def call(self, function, data):
        """Call a handler by its number and wait: (what was said of it, whether it succeeded)."""
        joined = self.join(function, data)
        if joined.status_code != 200:
            return joined.json(), False
        message = self.answer(joined.json()["event_id"])
        return message["output"], message["success"]

    def named(self, name, *data):
        """Call a named endpoint, as `gradio_client` does: (its answer or its error, success)."""
        offered = self.client.get(f"{API}/info").json()["named_endpoints"][f"/{name}"]["parameters"]
        rest = [one.get("parameter_default") for one in offered[len(data) :]]
        made = self.client.post(f"{API}/call/{name}", json={"data": [*data, *rest]})
        if made.status_code != 200:
            return made.text, False
        event = made.json()["event_id"]
        with self.client.stream("GET", f"{API}/call/{name}/{event}") as stream:
            kind = None
            for line in stream.iter_lines():
                if line.startswith("event: "):
                    kind = line.removeprefix("event: ")
                elif line.startswith("data: ") and kind in ("complete", "error"):
                    return json.loads(line.removeprefix("data: ")), kind == "complete"
        raise AssertionError("the page ended the stream without an answer")
