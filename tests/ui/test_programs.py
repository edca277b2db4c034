"""The app as programs see it: the named endpoints, a signal, a second app on one workspace."""

import signal
import socket
import subprocess
import sys

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from socratic.catalog import ROOT
from socratic.prompts import TYPE_KEYS
from ui.driving import free_port


@pytest.fixture(scope="module")
def client(shared_app):
    client = Client(shared_app.url, verbose=False)
    yield client
    client.close()


def test_only_the_three_endpoints_are_offered(client):
    offered = client.view_api(return_format="dict")["named_endpoints"]
    assert set(offered) == {"/generate", "/table", "/runs"}
    parameters = [one["parameter_name"] for one in offered["/generate"]["parameters"]]
    assert parameters == [
        "context", "types", "models", "decoding", "seed", "candidates", "bases", "knobs",
    ]  # fmt: skip
    assert all("description" in offered[name] for name in offered)


def test_generate_answers_for_each_model_and_type(client):
    found = client.predict(
        "Zoos are prisons with better lighting.",
        ["clarity", "assumptions"],
        ["mini-flan-small", "mini-t5-base"],
        api_name="/generate",
    )
    assert {(row["model"], row["type"]) for row in found} == {
        (model, kind) for model in {row["model"] for row in found} for kind in TYPE_KEYS[:2]
    }
    assert len(found) == 4
    for row in found:
        assert set(row) == {"model", "type", "question", "seconds", "new_tokens", "engine"}
        assert row["question"]
        assert "[Question]" not in row["question"]


def test_candidates_bases_and_knobs_and_a_model_that_is_gone(client):
    found = client.predict(
        "Zoos are prisons with better lighting.",
        ["clarity"],
        ["mini-flan-small", "nobody"],
        candidates=2,
        bases=True,
        knobs={"beams": 3, "max_new_tokens": 12},
        api_name="/generate",
    )
    gone = [row for row in found if row.get("error")]
    assert [row["model"] for row in gone] == ["nobody"]
    assert "'nobody' is no model key" in gone[0]["error"]
    assert gone[0]["question"] == ""
    said = [row["model"] for row in found if not row.get("error")]
    assert sorted(said) == sorted(["mini-flan-small:base"] * 2 + [said[-1]] * 2)
    assert all(row["new_tokens"] <= 12 for row in found)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"context": " "}, "The context is empty"),
        ({"types": ["rhetoric"]}, "no question type 'rhetoric'"),
        ({"types": []}, "No question type is chosen"),
        ({"models": ["nobody"]}, "'nobody' is no model key"),
        ({"models": []}, "No model is chosen"),
        ({"decoding": "magic"}, "no decoding 'magic'"),
        ({"seed": -1}, "seed is -1"),
        ({"candidates": 9}, "candidates is 9"),
        ({"knobs": {"beams": 99, "magic": 1}}, "beams is 99.*magic is 1"),
    ],
)
def test_a_wrong_request_gets_its_sentence(client, changes, sentence):
    with pytest.raises(AppError, match=sentence):
        client.predict(**({"context": "An opinion."} | changes), api_name="/generate")


def test_the_table_tells_where_each_number_comes_from(client):
    found = client.predict(api_name="/table")
    assert {"published"} <= {row["kind"] for row in found}
    wanted = {"name", "kind", "metric", "value", "low", "high", "n", "split", "decoding"}
    wanted |= {"implementation", "source", "comparable", "reason"}
    assert all(wanted <= set(row) for row in found)
    assert all(row["reason"] for row in found if not row["comparable"])


def test_the_runs_have_their_states(client):
    found = client.predict(api_name="/runs")
    assert all({"run", "model", "state", "step", "total_steps"} <= set(row) for row in found)
    assert all(row["state"] == "finished" for row in found if row["bundled"])


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_the_app_ends_cleanly(own_app, how):
    app = own_app()
    assert app.end(how) == 0
    assert "Traceback" not in app.output.read_text()
    assert "The page has ended." in app.output.read_text()


def test_a_port_somebody_holds(tmp_path):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", free_port()))
        holder.listen()
        port = str(holder.getsockname()[1])
        words = [sys.executable, "app.py", "--port", port, "--workspace", str(tmp_path)]
        done = subprocess.run(words, check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"Port {port} on 127.0.0.1 is taken" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
