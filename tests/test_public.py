"""A public page: what must be absent is asked for over plain HTTP, by somebody without manners."""

import json
import re
import subprocess
import sys
from types import SimpleNamespace

import httpx
import pytest
from conftest import ROOT
from probing import API, Probe
from test_hub import SECRET, TOKEN, make_run
from ui.driving import start

from socratic import access, decoding, runs, systems
from socratic.access import Access, Limits
from socratic.errors import UsageError
from socratic.rating.rounds import Candidate, Item, Rated, Round
from socratic.rating.store import Store, new_rating
from socratic.sharing import recorded
from socratic.ui import gate
from socratic.workspace import Workspace

HOSTILE = "<script>alert(1)</script>"
# Where an owner trains, evaluates, deletes, uploads or names a path.
OWNERS = ("train-start", "train-upload", "train-other", "train-data", "evaluate-start")
OWNERS += ("run-stop", "run-stop-now", "run-resume", "run-delete", "run-delete-yes")
OWNERS += ("publish-look", "publish-send", "round-make", "io-export", "io-form", "io-merge")
TAKES_FILES = {"file", "uploadbutton", "image", "audio", "video", "fileexplorer", "imageeditor"}


# In a process of its own: Gradio leaves event loops behind, which are warnings here.
PAGES = """
import json, sys
from socratic.access import Access, Limits
from socratic.ui import build
from socratic.workspace import Workspace
told = {}
for name, access in (("owner", Access()), ("public", Access(limits=Limits()))):
    page = build.page(Workspace.open(sys.argv[1], closed=access.public), access)
    functions = [function.fn for function in page.fns.values() if function.fn]
    told[name] = {
        "ids": [block.elem_id for block in page.blocks.values()],
        "kinds": [block.get_block_name() for block in page.blocks.values()],
        "modules": [getattr(function, "__module__", "") for function in functions],
    }
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    root = tmp_path_factory.mktemp("public") / "workspace"
    root.mkdir()
    app = start(root, SOCRATIC_PUBLIC="1")
    yield app
    app.close()


@pytest.fixture
def visitor(app):
    with Probe(app.url) as visitor:
        yield visitor


@pytest.mark.slow
def test_what_an_owner_does_is_not_on_a_public_page(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PAGES, str(tmp_path)], capture_output=True, check=True, cwd=ROOT
    )
    told = {name: {k: set(v) for k, v in x.items()} for name, x in json.loads(done.stdout).items()}
    owner, public = told["owner"], told["public"]
    assert set(OWNERS) <= owner["ids"]
    assert not public["ids"] & set(OWNERS)
    assert "replay" in public["ids"] - owner["ids"]
    assert not public["kinds"] & TAKES_FILES
    doing = {"socratic.ui.train_setup", "socratic.ui.compare_evaluate", "socratic.ui.rating_rounds"}
    assert doing <= owner["modules"]
    assert not doing & public["modules"]


@pytest.mark.slow
def test_the_page_that_is_served_is_that_one(visitor):
    config = visitor.config()
    names = {component["props"].get("elem_id") for component in config["components"]}
    assert "ask" in names
    hints = {one["props"].get("label"): one["props"].get("info") for one in config["components"]}
    assert hints["Candidates"].endswith("on this page at most 3")
    assert not names & set(OWNERS)
    assert not {component["type"] for component in config["components"]} & TAKES_FILES
    offered = visitor.client.get(f"{API}/info").json()["named_endpoints"]
    assert set(offered) == {"/generate", "/table", "/runs"}
    assert re.fullmatch("[0-9a-f]{16}", visitor.client.get("/pulse").text)


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        f"{API}/upload",
        f"{API}/upload_progress?upload_id=1",
        f"{API}/component_server",
        f"{API}/proxy=https://example.org/",
        f"{API}/file=https://example.org/",
        f"{API}/process_recording",
        f"{API}/vibe-edit",
        f"{API}/vibe-code",
        f"{API}/undo-vibe-edit",
        f"{API}/dev/reload",
        f"{API}/runs",
        f"{API}/run-history/records",
        f"{API}/custom_component/x/client/component/y",
        f"{API}/deep_link",
        f"{API}/stream/1/2/3/playlist.m3u8",
        "/monitoring",
        "/monitoring/summary",
        "/gradio_api//upload",
        "/gradio_api/./upload",
        "/docs",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_else_is_served(visitor, path, method):
    answer = visitor.client.request(method, path, content=b"{}")
    assert answer.status_code == 404
    assert answer.json() == {"detail": "There is no such address here."}


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "/proc/self/environ",
        str(ROOT / "app.py"),
        "{workspace}/runs",
        "/tmp/../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
    ],
)
def test_no_file_of_the_machine_is_read(app, visitor, path):
    answer = visitor.client.get(f"{API}/file={path.format(workspace=app.workspace.root)}")
    assert answer.status_code in (403, 404)
    assert "root:" not in answer.text


@pytest.mark.slow
@pytest.mark.parametrize(
    "model",
    [
        "/etc",
        "../../..",
        str(ROOT / "assets" / "miniature" / "mini-flan-small"),
        str(ROOT / "assets" / "miniature" / "runs" / "mini-flan-small" / "adapter"),
        "google/flan-t5-small",
        "flan-t5-small",
        "somebody/adapter",
        HOSTILE,
    ],
)
def test_only_listed_models_can_be_named(visitor, model):
    said, done = visitor.named("generate", "Zoos are bad.", ["clarity"], [model], "thesis", 1)
    assert not done
    assert "There is no model" in str(said)


@pytest.mark.slow
def test_a_listed_model_answers_within_the_limits(visitor):
    rows, done = visitor.named(
        "generate", "Zoos are bad.", ["clarity"], ["mini-flan-small"], "thesis", 1
    )
    assert done
    assert [row["type"] for row in rows[0]] == ["clarity"]
    said, done = visitor.named(
        "generate", "x" * 4_001, ["clarity"], ["mini-flan-small"], "thesis", 1
    )
    assert not done
    assert "at most 4,000 characters, not 4,001" in str(said)
    # A model named nine times is asked once: it is no way past the limit on models either.
    rows, done = visitor.named(
        "generate", "Zoos.", ["clarity"], ["mini-flan-small"] * 9, "thesis", 1
    )
    assert done
    assert len(rows[0]) == 1
    with pytest.raises(UsageError, match="at most 8 models at once"):
        Limits().check("Zoos.", 9, decoding.preset("thesis"))


@pytest.mark.slow
def test_a_handler_is_not_called_past_the_queue(visitor):
    direct = visitor.client.post(f"{API}/run/generate", json={"data": ["Zoos."]})
    assert direct.status_code == 404


@pytest.mark.slow
def test_a_request_has_a_size(visitor):
    long = visitor.client.post(f"{API}/queue/join", content=b"x" * (gate.MOST_BYTES + 1))
    assert long.status_code == 413

    def pieces():
        for _ in range(12):
            yield b"x" * 100_000

    chunked = visitor.client.post(f"{API}/queue/join", content=pieces())
    assert chunked.status_code == 413


def test_nobody_holds_the_queue():
    """Round by round: a second question stands behind everybody's first."""
    queue = gate.FairList()
    for name in "aaabbcab":
        queue.append(SimpleNamespace(session_hash=name))
    assert "".join(event.session_hash for event in queue) == "abcababa"


@pytest.mark.slow
def test_a_visitor_with_enough_questions_waiting_is_sent_away(app):
    with Probe(app.url) as visitor, Probe(app.url) as other:
        _crowd(visitor, other)


def _crowd(visitor, other):
    functions = {one["api_name"]: one["id"] for one in visitor.config()["dependencies"]}
    rest = ["thesis", 1, 1, False, None]
    asked = ["Zoos are bad. " * 40, None, None, *rest]
    taken = [visitor.join(functions["generate"], asked) for _ in range(6)]
    codes = [answer.status_code for answer in taken]
    assert codes[:3] == [200] * 3
    assert 503 in codes
    assert "ask again" in taken[codes.index(503)].json()["detail"]
    # The page goes on following runs meanwhile, and others are answered: none who was taken is lost.
    assert visitor.call(functions["runs"], [])[1]
    event = other.join(functions["generate"], ["Zoos.", ["clarity"], None, *rest]).json()
    assert other.answer(event["event_id"])["success"]


def test_only_questions_are_counted_not_what_follows_runs():
    slow, quick = SimpleNamespace(concurrency_limit=1), SimpleNamespace(concurrency_limit=None)
    waiting = [SimpleNamespace(session_hash="a")] * 2
    queues = {"generation": SimpleNamespace(concurrency_limit=1, queue=waiting)}
    queue = SimpleNamespace(event_queue_per_concurrency_id=queues)
    page = SimpleNamespace(fns={0: slow, 1: quick}, _queue=queue)
    guard = gate.Gate(None, page, None)

    def enough(function, session):
        body = json.dumps({"fn_index": function, "session_hash": session, "data": []}).encode()
        return guard._enough(f"{API}/queue/join", body, Limits(waiting=2, queue=3))

    assert enough(0, "a")
    assert not enough(1, "a")
    assert not enough(0, "b")
    waiting.append(SimpleNamespace(session_hash="c"))
    assert enough(0, "b"), "the whole queue is full"


def test_a_public_page_shows_the_listed_runs_cleaned(workspace, make_manifest):
    shown = make_run(workspace, make_manifest, run_id="shown")
    make_run(workspace, make_manifest, run_id="private")
    (shown.path / "notes.txt").write_text("mine")
    made = recorded.stage(workspace, Access(adapters=("shown",)))
    assert [run.id for run in runs.discover(made) if not run.bundled] == ["shown"]
    texts = [path.read_bytes() for path in made.root.rglob("*") if path.is_file()]
    assert not [text for text in texts if SECRET.encode() in text]
    names = {path.name for path in made.root.rglob("*")}
    assert not names & {"notes.txt", "log.txt", "checkpoints", "training_args.bin"}
    # Made anew at each start: what is no longer listed is gone, what visitors left stays.
    (made.root / "ratings.sqlite").write_text("kept")
    again = recorded.stage(workspace, Access())
    assert not [run for run in runs.discover(again) if not run.bundled]
    assert (again.root / "ratings.sqlite").read_text() == "kept"


def test_a_closed_workspace_opens_nothing_from_elsewhere(workspace, make_manifest):
    make_run(workspace, make_manifest, run_id="shown")
    closed = recorded.stage(workspace, Access(adapters=("shown",)))
    assert systems.resolve("shown", closed).key == "shown"
    adapter = str(workspace.runs / "shown" / "adapter")
    for name in (adapter, "google/flan-t5-base", "flan-t5-base", "/etc", "", "../shown"):
        with pytest.raises(UsageError, match="There is no model"):
            systems.resolve(name, closed)
    # The same names mean something on the owner's page.
    assert systems.resolve(adapter, workspace).adapter
    assert systems.resolve("flan-t5-base", workspace).model == "flan-t5-base"


def rating_round(context="Zoos are bad."):
    candidates = (Candidate(text="Why?", systems=("a",)),)
    return Round(
        data="sample",
        sha256="a" * 64,
        split="test",
        seed=1,
        decoding="thesis",
        made=f"by {SECRET}/adapter",
        created=1.0,
        systems=(Rated(key="a", title="A"),),
        items=(Item(context=context, type="clarity", candidates=candidates),),
    )


def test_visitors_rate_the_listed_rounds_and_none_of_the_owners_ratings_show(workspace):
    shown, private = rating_round(), rating_round("Mine alone.")
    for one in (shown, private):
        Store(workspace).keep(one)
    rating = new_rating(0, "ann", "skipped")
    Store(workspace).submit(shown.id, rating)
    made = recorded.stage(workspace, Access(rounds=(shown.id,)))
    assert [one.id for one in Store(made).rounds()] == [shown.id]
    assert Store(made).ratings(shown.id) == []
    assert "/home/somebody" not in Store(made).round(shown.id).made
    Store(made).submit(shown.id, rating)
    again = recorded.stage(workspace, Access(rounds=(shown.id,)))
    assert [one.rater for one in Store(again).ratings(shown.id)] == ["ann"]
    assert recorded.stage(Workspace.open(workspace.root / "other"), Access())
    with pytest.raises(UsageError, match="no rating round"):
        recorded.stage(workspace, Access(rounds=("nobody",)))


def test_ratings_lie_on_the_volume_of_a_space(workspace, tmp_path):
    volume = tmp_path / "data"
    volume.mkdir()
    assert recorded.stage(workspace, Access(), volume).root == volume / "socratic"


def test_a_listed_run_that_is_not_there_is_told(workspace):
    with pytest.raises(UsageError, match="'nobody' of SOCRATIC_ADAPTERS cannot be shown"):
        recorded.stage(workspace, Access(adapters=("nobody",)))


@pytest.mark.parametrize(
    ("environment", "is_public"),
    [
        ({}, False),
        ({"SOCRATIC_PUBLIC": "1"}, True),
        ({"SOCRATIC_PUBLIC": "0"}, False),
        ({"SPACE_ID": "a/b"}, True),
        ({"SYSTEM": "spaces", "SOCRATIC_PUBLIC": "0"}, True),
    ],
)
def test_where_the_page_is_everyones(environment, is_public):
    assert access.of_environment(environment).public is is_public


def test_a_switch_that_means_nothing():
    with pytest.raises(UsageError, match="SOCRATIC_PUBLIC is 'maybe'"):
        access.of_environment({"SOCRATIC_PUBLIC": "maybe"})


def test_limits_name_everything_at_once():
    wanted = decoding.preset("thesis").changed(beams=9, candidates=8)
    with pytest.raises(UsageError, match="at most 4 beams, not 9; at most 3 candidates, not 8"):
        Limits().check("An opinion.", 3, wanted)
    for name in decoding.PRESETS:
        Limits().check("An opinion.", 3, decoding.preset(name))


def test_who_may_log_in(tmp_path):
    file = tmp_path / "logins"
    file.write_text("ann:one:two\nbob:three\n")
    assert access.of_environment({"SOCRATIC_AUTH": "ann:x:y"}).logins == (("ann", "x:y"),)
    found = access.of_environment({"SOCRATIC_AUTH": str(file)})
    assert found.logins == (("ann", "one:two"), ("bob", "three"))
    assert "three" not in repr(found)


@pytest.mark.parametrize("value", [TOKEN, f"{TOKEN}:", f":{TOKEN}", f"a:b\n{TOKEN}"])
def test_a_password_is_never_told(value):
    with pytest.raises(UsageError) as raised:
        access.of_environment({"SOCRATIC_AUTH": value})
    assert TOKEN not in str(raised.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.4", "example.org", ""])
def test_beyond_this_machine_a_page_needs_protection(host):
    with pytest.raises(UsageError, match="--allow-unprotected"):
        Access().check_host(host, unprotected=False)
    Access().check_host(host, unprotected=True)
    Access(limits=Limits()).check_host(host, unprotected=False)
    Access(logins=(("a", "b"),)).check_host(host, unprotected=False)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost"])
def test_on_this_machine_it_needs_none(host):
    Access().check_host(host, unprotected=False)


@pytest.mark.slow
def test_without_the_password_nothing_is_told(tmp_path):
    root = tmp_path / "workspace"
    app = start(root, SOCRATIC_AUTH="ann:open sesame")
    try:
        with httpx.Client(base_url=app.url, trust_env=False) as stranger:
            _knock(stranger)
    finally:
        app.close()
    assert "sesame" not in app.output.read_text()
    assert not [p for p in root.rglob("*") if p.is_file() and b"sesame" in p.read_bytes()]


def _knock(stranger):
    for path in (
        "/config",
        "/pulse",
        f"{API}/info",
        f"{API}/file=/etc/passwd",
        f"{API}/queue/status",
    ):
        assert stranger.get(path).status_code == 401
    for path in (f"{API}/queue/join", f"{API}/run/generate", f"{API}/upload"):
        assert stranger.post(path, json={"data": []}).status_code == 401
    assert "train-start" not in stranger.get("/").text
    wrong = {"username": "ann", "password": "open"}
    assert stranger.post("/login", data=wrong).status_code == 400
    assert stranger.get("/config").status_code == 401
    right = {"username": "ann", "password": "open sesame"}
    assert stranger.post("/login", data=right).status_code == 200
    names = [one["props"].get("elem_id") for one in stranger.get("/config").json()["components"]]
    assert "train-start" in names
    assert stranger.get("/pulse").status_code == 200


@pytest.mark.slow
def test_a_public_page_starts_no_runner(app):
    found = [p.name for p in app.workspace.root.rglob("*") if p.is_file()]
    assert "runner.log" not in found
