"""Publish and pull against a server that speaks the Hub's endpoints; nothing private leaves."""

import json
import os
import re
import socket
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from conftest import ROOT
from hub_server import Hub
from safetensors.numpy import save_file

from socratic import hub, results, runs
from socratic.errors import ModelError, RunError, UsageError
from socratic.runs import DataUsed, Run, Status
from socratic.scoring.evaluation import Evaluation, SystemScores
from socratic.scoring.score import Score
from socratic.sharing import export, model_card
from socratic.workspace import Workspace

REPO = "somebody/socratic-mini"
TOKEN = "hf_" + "aB3" * 11
SECRET = "/home/somebody/secret place"


@pytest.fixture
def server():
    running = Hub()
    running.token = TOKEN
    yield running
    running.close()


@pytest.fixture
def run(workspace, make_manifest):
    return make_run(workspace, make_manifest)


def make_run(workspace, make_manifest, **changes):
    values = {
        "data": DataUsed(
            source=f"{SECRET}/rows.csv", name="rows.csv", sha256="a" * 64, counts={"train": 3}
        ),
        "command": f"python -m training run --model mini-flan-small --data '{SECRET}/rows.csv' --workspace {SECRET!r}",
        "base": "mini-flan-small",
    }
    made = runs.create(workspace, make_manifest(**{**values, **changes}))
    points = [{"step": 5, "epoch": 0.5, "loss": 2.0}, {"step": 10, "epoch": 1.0, "eval_loss": 1.5}]
    made.metrics_file.write_text("".join(json.dumps(point) + "\n" for point in points))
    made.log_file.write_text(f"opened {SECRET}")
    made.write_status(Status(state="finished", step=10, total_steps=10))
    adapter = made.path / "adapter"
    adapter.mkdir()
    config = {"peft_type": "LORA", "r": 4, "base_model_name_or_path": made.manifest().base}
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    save_file(
        {"base_model.model.lora_A.weight": np.ones((4, 8), np.float32)},
        adapter / "adapter_model.safetensors",
    )
    tokenizer = {"eos_token": "</s>", "name_or_path": f"{SECRET}/tokenizer"}
    (adapter / "tokenizer_config.json").write_text(json.dumps(tokenizer))
    (adapter / "training_args.bin").write_bytes(b"pickled")
    (made.path / "checkpoints" / "checkpoint-10").mkdir(parents=True)
    (made.path / "checkpoints" / "checkpoint-10" / "optimizer.pt").write_bytes(b"pickled")
    evaluation(made).write(made.path / "evaluation" / "test.json")
    return made


def evaluation(made):
    def scores(value):
        return [
            Score(
                metric="rougeL",
                value=value,
                low=value - 0.01,
                high=value + 0.01,
                implementation="ROUGE-L F1; x 1.0",
            )
        ]

    return Evaluation(
        run=made.id,
        title="Mini FLAN small",
        model="mini-flan-small",
        family="miniature",
        adapter=f"{SECRET}/adapter",
        dataset="rows.csv",
        dataset_sha256="b" * 64,
        split="test",
        n=12,
        decoding="thesis",
        decoding_values={},
        engine="torch-fp32-cpu",
        created=2.0,
        command=f"python -m training evaluate {made.id} --data '{SECRET}/rows.csv'",
        versions={},
        systems=[
            SystemScores(name="Mini FLAN small", kind="own", scores=scores(0.25)),
            SystemScores(name="constant question", kind="floor", scores=scores(0.171)),
        ],
    )


def command(server, workspace, *words, **environment):
    place = server.environment() if server is not None else {}
    return subprocess.run(
        [sys.executable, "-m", "socratic", *words, "--workspace", str(workspace.root)],
        cwd=ROOT,
        env={**os.environ, "HF_HOME": str(workspace.root / "hf"), **place, **environment},
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )


def said(done):
    """The one line a failure is told in."""
    assert done.returncode == 1, done.stdout + done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert TOKEN not in done.stdout + done.stderr
    return lines[0]


@pytest.mark.slow
def test_a_run_goes_to_the_hub_and_comes_back(server, run, workspace, tmp_path):
    done = command(server, workspace, "publish", run.id, "--repo", REPO, "--private", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert set(told["files"]) == set(server.files[REPO])
    assert told["files"] == {path: len(content) for path, content in server.files[REPO].items()}
    assert REPO in server.private
    assert TOKEN not in done.stdout + done.stderr
    assert not any(
        path.endswith((".bin", ".pt", ".txt", ".parquet")) for path in server.files[REPO]
    )
    everything = b"\n".join(server.files[REPO].values()).decode(errors="replace")
    for private in ("/home/somebody", "secret place", str(workspace.root), TOKEN):
        assert private not in everything

    other = Workspace.open(tmp_path / "elsewhere")
    done = command(server, other, "pull", REPO, "--json", HF_TOKEN="")
    assert done.returncode == 0, done.stderr
    (pulled,) = [found for found in runs.discover(other) if not found.bundled]
    assert json.loads(done.stdout)["run"] == pulled.id == "socratic-mini"
    assert pulled.adapter is not None
    assert pulled.status().state == "finished"
    assert pulled.status().step == 10
    assert pulled.metrics_file.read_bytes() == run.metrics_file.read_bytes()
    assert pulled.manifest().hyperparameters == run.manifest().hyperparameters
    original = run.path / "adapter" / "adapter_model.safetensors"
    assert (pulled.adapter / "adapter_model.safetensors").read_bytes() == original.read_bytes()
    found, damaged = results.load([pulled.path])
    assert not damaged
    own = next(record for record in results.records(found) if record.kind == "own")
    assert (own.value, own.run) == (0.25, "socratic-mini")
    assert not list((other.cache / "pull").glob("*/"))

    again = command(server, other, "pull", REPO)
    assert "There is a run 'socratic-mini' already" in said(again)
    assert command(server, other, "pull", REPO, "--as", "second").returncode == 0


@pytest.mark.slow
def test_publishing_again_sends_no_weights_twice(server, run, workspace):
    for _ in range(2):
        done = command(server, workspace, "publish", run.id, "--repo", REPO)
        assert done.returncode == 0, done.stderr
    assert sum(request.startswith("PUT /lfs/") for request in server.requests) == 1
    assert "adapter_model.safetensors" in done.stdout
    assert done.stdout.index("bytes for") < done.stdout.index("Published:")


@pytest.mark.slow
def test_a_dry_run_asks_the_hub_for_nothing(server, run, workspace):
    done = command(server, workspace, "publish", run.id, "--repo", REPO, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert not server.requests


@pytest.mark.slow
def test_what_the_hub_refuses_is_one_sentence(server, run, workspace):
    publish = ("publish", run.id, "--repo", REPO, "--json")
    line = said(command(server, workspace, *publish, HF_TOKEN="hf_wrong"))
    assert "401" in line
    assert "hf auth login" in line
    for status, word in ((403, "write access"), (409, "somebody else"), (500, "its side")):
        server.fail = {"/commit/": status}
        line = said(command(server, workspace, *publish))
        assert str(status) in line
        assert word in line
    server.fail = {}
    assert "no repository 'somebody/else'" in said(
        command(server, workspace, "pull", "somebody/else")
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "word"),
    [(401, "token"), (403, "write access"), (404, "no repository"), (429, "wait a few minutes")],
)
def test_a_refusal_while_asking_is_one_sentence(server, run, workspace, status, word):
    server.fail = {"/api/": status}
    for words in (("publish", run.id, "--repo", REPO), ("pull", REPO)):
        line = said(command(server, workspace, *words))
        assert word in line
    assert not server.files.get(REPO)
    assert [found.id for found in runs.discover(workspace) if not found.bundled] == [run.id]


@pytest.mark.slow
def test_a_connection_cut_while_getting_is_taken_up_again(server, run, workspace, tmp_path):
    """Cut until the client gives up: no run is left, and the next try makes it whole."""
    files = hub.to_upload(export.of_run(run, workspace), REPO)
    server.files[REPO] = {
        path: content if isinstance(content, bytes) else content.read_bytes()
        for path, content in files.items()
    }
    other = Workspace.open(tmp_path / "elsewhere")
    server.cut = {"/resolve/": 99}
    line = said(command(server, other, "pull", REPO))
    assert "run it again" in line
    assert not list(other.runs.iterdir())
    server.cut = {}
    done = command(server, other, "pull", REPO)
    assert done.returncode == 0, done.stderr
    got = runs.find(other, "socratic-mini").adapter / "adapter_model.safetensors"
    assert got.read_bytes() == server.files[REPO]["adapter_model.safetensors"]


@pytest.mark.slow
def test_a_connection_cut_while_sending_leaves_nothing_half(server, run, workspace):
    """What had arrived is not sent again, and the repository shows all of a run or nothing."""
    server.cut = {"/commit/": 99}
    line = said(command(server, workspace, "publish", run.id, "--repo", REPO, "--json"))
    assert "run it again" in line
    assert server.files[REPO] == {}
    server.cut = {}
    done = command(server, workspace, "publish", run.id, "--repo", REPO)
    assert done.returncode == 0, done.stderr
    assert "adapter_model.safetensors" in server.files[REPO]
    assert sum(request.startswith("PUT /lfs/") for request in server.requests) == 1


@pytest.mark.slow
def test_no_network_is_one_sentence_and_nothing_is_left(run, workspace):
    with socket.socket() as taken:  # bound but not listening: every connection is refused
        taken.bind(("127.0.0.1", 0))
        nowhere = {
            "HF_ENDPOINT": f"http://127.0.0.1:{taken.getsockname()[1]}",
            "HF_HUB_OFFLINE": "0",
        }
        for words in (("publish", run.id, "--repo", REPO), ("pull", REPO)):
            line = said(command(None, workspace, *words, **nowhere))
            assert "cannot be reached" in line
    line = said(command(None, workspace, "pull", REPO, HF_HUB_OFFLINE="1"))
    assert "HF_HUB_OFFLINE" in line
    assert [found.id for found in runs.discover(workspace) if not found.bundled] == [run.id]


@pytest.mark.slow
def test_a_plain_adapter_comes_as_a_run(server, run, workspace, tmp_path):
    adapter = run.path / "adapter"
    server.files["a/plain"] = {
        "adapter_config.json": json.dumps(
            {"peft_type": "LORA", "base_model_name_or_path": "google/flan-t5-small"}
        ).encode(),
        "adapter_model.safetensors": (adapter / "adapter_model.safetensors").read_bytes(),
        "../../escaped.json": b"{}",
        "optimizer.pt": b"pickled",
    }
    other = Workspace.open(tmp_path / "elsewhere")
    done = command(server, other, "pull", "a/plain")
    assert done.returncode == 0, done.stderr
    pulled = runs.find(other, "plain")
    assert (pulled.manifest().model, pulled.manifest().family) == ("flan-t5-small", "thesis")
    assert "not known" in pulled.manifest().data.notes[0]
    names = {path.name for path in pulled.path.rglob("*") if path.is_file()}
    assert names == {
        "manifest.json",
        "status.json",
        "adapter_config.json",
        "adapter_model.safetensors",
    }
    assert not list(tmp_path.rglob("escaped.json"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"adapter_model.safetensors": b"\x80\x04pickled"}, "no safetensors file"),
        ({"adapter_model.safetensors": None, "adapter_model.bin": b"x"}, "can run code"),
        (
            {
                "adapter_config.json": b'{"peft_type": "LORA", "base_model_name_or_path": "/etc/model"}'
            },
            "path",
        ),
        (
            {"adapter_config.json": b'{"peft_type": "LORA", "base_model_name_or_path": "../x"}'},
            "path",
        ),
        ({"adapter_config.json": b'{"peft_type": "IA3"}'}, "not LoRA"),
        ({"adapter_config.json": b"[]"}, "not an adapter's configuration"),
        ({"manifest.json": b"{}"}, "damaged"),
        ({"evaluation/test.json": b"[]"}, "damaged"),
    ],
)
def test_what_is_unsound_is_refused_and_leaves_no_run(
    server, run, workspace, tmp_path, changed, sentence
):
    files = hub.to_upload(export.of_run(run, workspace), REPO)
    whole = {p: c if isinstance(c, bytes) else c.read_bytes() for p, c in files.items()}
    server.files[REPO] = {p: c for p, c in {**whole, **changed}.items() if c is not None}
    other = Workspace.open(tmp_path / "elsewhere")
    assert sentence in said(command(server, other, "pull", REPO))
    assert not list(other.runs.iterdir())


def test_a_file_no_adapter_needs_is_not_got(monkeypatch):
    sizes = {"adapter_config.json": 100, "adapter_model.safetensors": 5 * 2**30}
    siblings = [SimpleNamespace(rfilename=name, size=size) for name, size in sizes.items()]
    found = SimpleNamespace(siblings=siblings, sha="c" * 40)
    monkeypatch.setattr("huggingface_hub.HfApi.model_info", lambda *_, **__: found)
    with pytest.raises(ModelError, match=r"5,368,709,120 bytes; no adapter needs that"):
        hub.listing(REPO)


@pytest.mark.parametrize("name", ["only", "a/b/c", "../x", "a/..", "a b/c", "", "a/" + "n" * 99])
def test_a_repository_is_owner_and_name(name):
    with pytest.raises(UsageError):
        hub.check_repo(name)


@pytest.mark.parametrize("name", ["..", "a/b", ".hidden", "-x", "a b"])
def test_a_run_is_pulled_under_a_plain_name(name, workspace):
    with pytest.raises(UsageError):
        hub.pull(REPO, workspace, name)


def test_only_trained_runs_are_published(workspace, make_manifest):
    waiting = runs.create(workspace, make_manifest())
    with pytest.raises(RunError, match="no adapter"):
        export.of_run(waiting, workspace)


def test_pickled_weights_are_not_published(run, workspace):
    (run.path / "adapter" / "adapter_model.safetensors").write_bytes(b"\x80\x04 not safetensors")
    with pytest.raises(ModelError, match="safetensors"):
        export.of_run(run, workspace)


def test_a_token_in_a_manifest_stops_everything(workspace, make_manifest):
    leaking = make_run(workspace, make_manifest, command=f"HF_TOKEN={TOKEN} python -m training run")
    with pytest.raises(RunError, match="token") as raised:
        export.of_run(leaking, workspace)
    assert TOKEN not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "public"),
    [
        ("/home/me/data/rows.csv", "rows.csv"),
        ("C:\\Users\\me\\rows.csv", "rows.csv"),
        ("~/rows.csv", "rows.csv"),
        ("../x/rows.csv", "rows.csv"),
        ("google/flan-t5-small", "google/flan-t5-small"),
        ("see https://example.org/a/b for more", "see https://example.org/a/b for more"),
        ("read /home/me/rows.csv, 3 rows", "read rows.csv, 3 rows"),
        ("1/2 of reasons/evidence </s>", "1/2 of reasons/evidence </s>"),
        ("~5 GB", "~5 GB"),
    ],
)
def test_paths_are_cut_to_their_last_name(text, public):
    assert export.public_text(text).replace(",", "") == public.replace(",", "")


def test_a_command_stays_one_that_can_be_repeated():
    typed = "python -m training run --data '/home/a b/x y.csv' --workspace=/w --workspace /w --set seed=1 --recipe=./r.yaml"
    assert (
        export.public_command(typed)
        == "python -m training run --data 'x y.csv' --set seed=1 --recipe=r.yaml"
    )
    assert export.public_command("an 'unclosed quote") == ""


def front_matter(card):
    return yaml.safe_load(re.match(r"---\n(.*?)\n---\n", card, re.DOTALL).group(1))


def test_the_card_carries_scores_and_says_what_it_is(run, workspace):
    from huggingface_hub import ModelCard

    one = export.of_run(run, workspace)
    card = hub.to_upload(one, REPO)["README.md"].decode()
    data = front_matter(card)
    assert "miniature" in data["tags"]
    assert "base_model" not in data  # not on the Hub: a link there would lead nowhere
    assert data["library_name"] == "peft"
    (result,) = ModelCard(card).data.eval_results
    assert (result.metric_value, result.dataset_split) == (0.25, "test")
    for sentence in (
        "A miniature model",
        "ChangeMyView",
        "0.250 [0.240, 0.260]",
        "constant question",
        "10.18653",
    ):
        assert sentence in card


def test_the_card_shows_the_curves_as_a_picture(run, workspace):
    files = hub.to_upload(export.of_run(run, workspace), REPO)
    assert files["curves.png"].startswith(b"\x89PNG")
    assert "](curves.png)" in files["README.md"].decode()
    again = hub.to_upload(export.of_run(run, workspace), REPO)
    assert again["curves.png"] == files["curves.png"]
    run.metrics_file.unlink()
    bare = hub.to_upload(export.of_run(run, workspace), REPO)
    assert "curves.png" not in bare
    assert "curves.png" not in bare["README.md"].decode()


def test_the_card_of_a_thesis_model_names_its_base(workspace, make_manifest):
    thesis = make_manifest(
        model="flan-t5-small", family="thesis", recipe="recommended", base="google/flan-t5-small"
    )
    card = model_card.write(thesis, (), REPO)
    assert front_matter(card)["base_model"] == "google/flan-t5-small"
    assert "without an evaluation" in card
    assert "iniature" not in card
    own = make_manifest(model="flan-t5-small", family="own", base="flan-t5-small")
    assert "base_model" not in front_matter(model_card.write(own, (), REPO))


def test_names_stay_text_in_the_card(make_manifest):
    odd = make_manifest(
        title="<script>alert(1)</script> | ![x](https://elsewhere/x.png)\ny",
        family="own",
        base='x")\nimport os',
        command="python `\n\n<script>alert(2)</script>",
    )
    text = model_card.write(odd, (), REPO).partition("---\n\n")[2]
    outside_code = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    assert "<script>" not in outside_code
    assert "![x](" not in outside_code
    assert 'from_pretrained("path/to/x-import-os")' in text


@pytest.mark.slow
def test_the_snippet_of_the_card_loads_and_asks(tmp_path):
    """As it is printed, but for the two names: a real adapter on a FLAN-like base, head kept."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import T5Config, T5ForConditionalGeneration

    from socratic import catalog, loading

    tokenizer_of = catalog.MINIATURE / "mini-flan-small"
    if not (tokenizer_of / "config.json").is_file():
        pytest.skip("the miniature family has not been built yet")
    tokenizer = loading.load_tokenizer(None, str(tokenizer_of))
    torch.manual_seed(0)
    config = T5Config(vocab_size=4096, d_model=32, d_kv=8, d_ff=64, num_layers=1, num_heads=2)
    config.feed_forward_proj, config.is_gated_act, config.dense_act_fn = (
        "gated-gelu",
        True,
        "gelu_new",
    )
    config.tie_word_embeddings = False
    config.decoder_start_token_id = 0
    model = T5ForConditionalGeneration(config)
    model.save_pretrained(tmp_path / "base")
    model = get_peft_model(
        model, LoraConfig(task_type="SEQ_2_SEQ_LM", r=2, target_modules=["q", "v"])
    )
    model.save_pretrained(tmp_path / "adapter")
    tokenizer.save_pretrained(tmp_path / "adapter")
    code = model_card.snippet(str(tmp_path / "base"), str(tmp_path / "adapter"))
    code += "\nassert not tied and not model.config.tie_word_embeddings\n"
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr


def leave_socratiq_alone(workspace):
    """Pretend it was fetched once and its files are gone: nothing is asked of the real internet."""
    (workspace.data / "socratiq").mkdir(parents=True)
    (workspace.data / "socratiq" / "fetched.json").write_text("{}")


@pytest.mark.slow
def test_prepare_says_what_is_missing(workspace):
    """No network, no cache: the thesis family is missing by name, the sample data is there."""
    leave_socratiq_alone(workspace)
    done = command(None, workspace, "prepare", "--json", HF_HUB_OFFLINE="1")
    items = {item["what"]: item for item in json.loads(done.stdout)}
    assert done.returncode == 1
    assert items["data sample"]["ready"]
    for key in ("flan-t5-small", "flan-t5-base", "t5-base"):
        item = items[f"base model {key}"]
        assert not item["ready"]
        assert "HF_HUB_OFFLINE" in item["said"]
    assert not items["data socratiq"]["ready"]


@pytest.mark.slow
def test_prepare_fetches_a_base_and_refuses_one_of_another_shape(server, workspace):
    """The files come from the Hub; what they hold is looked at before it is called ready."""
    from transformers import T5Config

    leave_socratiq_alone(workspace)
    config = T5Config(vocab_size=64, d_model=16, d_kv=4, d_ff=32, num_layers=1, num_heads=2)
    server.files["google/flan-t5-small"] = {"config.json": config.to_json_string().encode()}
    done = command(server, workspace, "prepare", "--json", HF_TOKEN="")
    items = {item["what"]: item for item in json.loads(done.stdout)}
    assert done.returncode == 1
    assert not items["base model flan-t5-small"]["ready"]
    assert "no repository 'google/flan-t5-base'" in items["base model flan-t5-base"]["said"]
    assert any("/resolve/" in request for request in server.requests)


def test_what_others_wrote_is_cleaned(run):
    run.metrics_file.write_text(
        '{"step": 1, "loss": NaN, "epoch": 0.1}\n{"step": "x"}\n{"step": 2, "note": "<b>"}\n'
    )
    hub.write_manifest(run.path, "mine", REPO, "c" * 40)
    assert run.manifest().data.source == "rows.csv"
    assert SECRET not in (run.path / "evaluation" / "test.json").read_text()
    points = [json.loads(line) for line in run.metrics_file.read_text().splitlines()]
    assert points == [{"step": 1, "epoch": 0.1}, {"step": 2}]
    assert (run.status().step, run.manifest().run_id) == (2, "mine")


def test_a_bundled_name_is_not_shadowed(workspace, monkeypatch, tmp_path):
    monkeypatch.setattr(runs, "BUNDLED", tmp_path / "bundled")
    (tmp_path / "bundled" / "mini").mkdir(parents=True)
    with pytest.raises(RunError, match="already"):
        hub.pull("a/mini", workspace)


def test_a_run_of_another_kind_is_not_pulled(run, tmp_path, workspace):
    run.write_manifest(run.manifest().model_copy(update={"kind": "evaluation"}))
    with pytest.raises(RunError, match="not a trained run"):
        hub.write_manifest(run.path, "x", REPO, "c" * 40)
    assert Run(run.path).manifest().run_id == run.id
