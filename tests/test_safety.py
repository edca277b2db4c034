"""What somebody hostile would try: paths, links, files that unpack, configs that import, values."""

import json
import os
import random
import re
import shutil
import subprocess
import sys

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from conftest import ROOT
from probing import API, Probe
from safetensors.numpy import load_file, save_file
from test_hub import TOKEN, make_run
from ui.driving import start

from socratic import adapters, data, loading, runs
from socratic.errors import DataError, ModelError, RunError, WorkspaceError
from socratic.sharing import export
from socratic.ui import parts

ODD = ["..", ".", "", "../runs", "a/b", "/etc", "..\\x", "~", "\0", "x\n", "%2e%2e", "CON", "*"]
FUZZ = [
    None, "", "../../etc/passwd", "/etc/passwd", -1, 10**30, 1.5, True, [], {},
    ["<script>alert(1)</script>"], [[["x"]]], "\x00\u202e", "a" * 20_000, "nan",
    {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
    [{"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}}],
    {"__type__": "update", "visible": False},
]  # fmt: skip


@pytest.fixture(scope="module", params=["owner", "public"])
def app(request, tmp_path_factory):
    root = tmp_path_factory.mktemp(request.param) / "workspace"
    root.mkdir()
    public = "1" if request.param == "public" else ""
    app = start(root, SOCRATIC_PUBLIC=public, HF_TOKEN=TOKEN, SOCRATIC_SECRET=TOKEN)
    yield app
    app.close()


@pytest.mark.slow
def test_whatever_is_sent_to_whichever_handler_gets_a_sentence(app):
    """Each handler by its number, each value in all its places, then mixtures (seeded)."""
    draw = random.Random(7)
    with Probe(app.url) as visitor:
        config = visitor.config()
        for one in config["dependencies"]:
            if not one["backend_fn"]:
                continue
            count = len(one["inputs"])
            mixtures = [[draw.choice(FUZZ) for _ in range(count)] for _ in range(2)]
            values = [FUZZ[0], *draw.sample(FUZZ[1:], 6)]
            for sent in [*([value] * count for value in values), *mixtures, [1] * (count + 1)]:
                said, done = visitor.call(one["id"], sent)
                told = said.get("error") if isinstance(said, dict) else None
                assert done or told or said.get("detail"), (one["api_name"], sent, said)
                assert "Traceback" not in str(said)
        assert visitor.client.get("/").status_code == 200
    assert app.process.poll() is None
    printed = app.output.read_text()
    assert "Traceback" not in printed, printed[-3000:]
    assert [run for run in runs.discover(app.workspace) if not run.bundled] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["generate", "table", "runs"])
def test_named_endpoints_answer_nonsense_with_a_reason(app, name):
    with httpx.Client(base_url=app.url, trust_env=False, timeout=60) as client:
        for content in (b"", b"[]", b"{", b'{"data": 5}', b'{"data": [[[]]]}', b"\xff\xfe"):
            answer = client.post(f"{API}/call/{name}", content=content)
            assert answer.status_code < 500, answer.text
            assert "Traceback" not in answer.text
    assert app.process.poll() is None


@pytest.mark.slow
def test_a_token_of_the_environment_goes_nowhere(app):
    written = [p for p in app.workspace.root.rglob("*") if p.is_file()]
    assert not [p for p in written if TOKEN.encode() in p.read_bytes()]
    with httpx.Client(base_url=app.url, trust_env=False) as client:
        for path in ("/", "/config", f"{API}/info"):
            assert TOKEN not in client.get(path).text
    assert TOKEN not in app.output.read_text()


@pytest.mark.parametrize("name", ODD)
def test_a_run_id_is_no_path(workspace, make_manifest, name):
    make_run(workspace, make_manifest)
    (workspace.root / "manifest.json").write_text("{}")  # what `..` would lead to
    with pytest.raises(RunError, match="There is no run"):
        runs.find(workspace, name)


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("training", "log", "../../etc"),
        ("training", "stop", "/etc/passwd"),
        ("training", "run", "--resume", "../x"),
        ("socratic", "publish", "../../x", "--repo", "a/b"),
        ("socratic", "pull", "../../x"),
        ("socratic", "pull", "a/b", "--as", "../../x"),
    ],
)
def test_commands_refuse_paths_in_one_line(workspace, words):
    package, *rest = words
    done = subprocess.run(
        [sys.executable, "-m", package, *rest, "--workspace", str(workspace.root)],
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode in (1, 2)
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_deleting_a_linked_run_leaves_what_it_leads_to(workspace, make_manifest, tmp_path):
    run = make_run(workspace, make_manifest)
    elsewhere = tmp_path / "elsewhere"
    run.path.rename(elsewhere)
    run.path.symlink_to(elsewhere, target_is_directory=True)
    with pytest.raises(WorkspaceError, match="could not be deleted"):
        run.delete()
    assert (elsewhere / "manifest.json").is_file()


def test_deleting_a_run_does_not_follow_links_in_it(workspace, make_manifest, tmp_path):
    run = make_run(workspace, make_manifest)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    (run.path / "link").symlink_to(tmp_path / "mine", target_is_directory=True)
    run.delete()
    assert (tmp_path / "mine" / "thesis.tex").read_text() == "years of work"


@pytest.mark.parametrize("name", ["tokenizer.json", "adapter_model.safetensors"])
def test_what_a_link_leads_to_is_not_shared(workspace, make_manifest, tmp_path, name):
    run = make_run(workspace, make_manifest)
    place = run.path / "adapter" / name
    place.unlink(missing_ok=True)
    place.symlink_to("/etc/passwd")
    with pytest.raises(ModelError, match=f"links to other places.*{name}"):
        export.of_run(run, workspace)


def test_a_small_file_that_unpacks_to_gigabytes(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "MAX_BYTES", 2**20)
    texts = pa.array(["x" * 10_000]).dictionary_encode()
    many = pa.DictionaryArray.from_arrays(pa.array([0] * 50_000, pa.int32()), texts.dictionary)
    plain = many.cast(pa.string())
    table = pa.table({"context": plain, "question": plain, "type": plain})
    bomb = tmp_path / "bomb.parquet"
    pq.write_table(table, bomb, compression="zstd")
    assert bomb.stat().st_size < data.MAX_BYTES
    with pytest.raises(DataError, match="unpacks to more than 2 MB"):
        data.load(bomb)


def test_a_data_file_has_a_size(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "MAX_BYTES", 2**20)
    (tmp_path / "rows.csv").write_bytes(b"context,question,type\n" + b"x" * 2**20)
    with pytest.raises(DataError, match="larger than 1 MB"):
        data.load(tmp_path / "rows.csv")


@pytest.mark.parametrize("name", ["rows.zip", "rows.csv.gz", "rows.pkl", "rows.xlsx", "rows"])
def test_archives_and_pickles_are_no_data(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(DataError, match="is not a data file"):
        data.load(tmp_path / name)


@pytest.mark.parametrize("name", ["<img src=x>.csv", "=cmd().csv", "a b;rm.csv", "\u202evsc.csv"])
def test_a_given_file_is_kept_under_its_own_name_and_nowhere_else(workspace, tmp_path, name):
    given = tmp_path / name
    given.write_bytes((data.SAMPLE / "test.csv").read_bytes())
    kept = parts.keep_upload(workspace, given)
    assert kept.parent == workspace.uploads


@pytest.mark.slow
def test_an_upload_beyond_the_limit_is_refused(tmp_path):
    """Told by its size while it is read, and nothing of it stays."""
    app = start(tmp_path / "workspace")
    try:
        with httpx.Client(base_url=app.url, trust_env=False, timeout=120) as client:
            edge = b"--x\r\nContent-Disposition: form-data; name=files; filename=a.csv\r\n\r\n"

            def body():
                yield edge
                for _ in range(data.MAX_BYTES // 2**20 + 2):
                    yield b"x" * 2**20
                yield b"\r\n--x--\r\n"

            headers = {"Content-Type": "multipart/form-data; boundary=x"}
            answer = client.post(f"{API}/upload", content=body(), headers=headers)
            assert answer.status_code == 413
            assert client.get("/").status_code == 200
        assert list(app.workspace.uploads.iterdir()) == []
    finally:
        app.close()


def hostile(adapter, **changes):
    path = adapter / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return adapter


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"r": 10**9}, "ranks are not whole numbers from 1 to 1,024"),
        ({"r": "4"}, "ranks are not"),
        ({"rank_pattern": {"q": 10**9}}, "ranks are not"),
        ({"lora_alpha": "x"}, "scales are not numbers"),
        ({"target_modules": "(\\w+\\.?)+X"}, "by a pattern"),
        ({"rank_pattern": {"(a+)+$": 4}}, "by a pattern"),
        ({"modules_to_save": ["os;system"]}, "by a pattern"),
        ({"megatron_config": {"a": 1}, "megatron_core": "antigravity"}, "megatron_config"),
        ({"layer_replication": [[0, 10**6]]}, "layer_replication"),
        ({"peft_type": "../x"}, "not LoRA"),
    ],
)
def test_a_hostile_adapter_config_is_refused_before_anything_is_built(tmp_path, changes, said):
    folder = tmp_path / "adapter"
    folder.mkdir()
    values = {"peft_type": "LORA", "r": 4, "target_modules": ["q", "v"], **changes}
    (folder / "adapter_config.json").write_text(json.dumps(values))
    with pytest.raises(ModelError, match=re.escape(said)):
        adapters.config(folder)


@pytest.mark.slow
def test_an_adapter_that_disagrees_with_its_weights_is_one_sentence(make_base, make_adapter, plan):
    base = make_base()
    for number, changes in enumerate(({"r": 8}, {"target_modules": ["nowhere"]}, {"bias": 7})):
        adapter = hostile(make_adapter(base, name=f"adapter{number}"), **changes)
        with pytest.raises(ModelError, match="cannot be loaded"):
            loading.load(str(base), plan, adapter)


@pytest.mark.slow
def test_an_embedding_of_no_bytes_and_a_billion_rows(make_base, make_adapter, plan):
    base = make_base()
    adapter = make_adapter(base)
    weights = load_file(adapter / "adapter_model.safetensors")
    weights["base_model.model.shared.weight"] = np.zeros((10**12, 0), np.float32)
    save_file(weights, adapter / "adapter_model.safetensors")
    with pytest.raises(ModelError, match="made for another base"):
        loading.load(str(base), plan, adapter)


@pytest.mark.slow
def test_code_beside_a_tokenizer_is_not_run(make_base, make_adapter, plan, tmp_path):
    base = make_base()
    adapter = make_adapter(base)
    (adapter / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass T: pass\n")
    path = adapter / "tokenizer_config.json"
    values = json.loads(path.read_text())
    values |= {"auto_map": {"AutoTokenizer": ["evil.T", "evil.T"]}, "tokenizer_class": "T"}
    path.write_text(json.dumps(values))
    try:
        loading.load(str(base), plan, adapter)
    except ModelError as error:
        assert len(str(error).splitlines()) == 1
    assert not (tmp_path / "ran").exists()


class Evil:
    """What a pickle runs when it is read."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.slow
def test_a_pickle_that_the_catalogue_allows_runs_nothing(make_base, workspace, plan, tmp_path):
    import torch

    base = make_base(gated=False)
    (base / "model.safetensors").unlink()
    torch.save({"shared.weight": Evil(tmp_path / "ran")}, base / "pytorch_model.bin")
    shutil.copytree(base, workspace.models / "t5-base")
    with pytest.raises(ModelError, match="cannot be loaded"):
        loading.load("t5-base", plan, workspace=workspace)
    assert not (tmp_path / "ran").exists()


def test_nothing_here_runs_code_of_others():
    found = subprocess.run(
        ["git", "grep", "-nE", r"trust_remote_code=True|pickle\.load|shell=True|(^|[^.[:alnum:]_])eval\("],
        cwd=ROOT, check=False, capture_output=True, text=True, env={**os.environ},
    )  # fmt: skip
    ours = [line for line in found.stdout.splitlines() if line.startswith(("socratic", "training"))]
    assert not ours
