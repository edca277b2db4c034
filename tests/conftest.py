"""What every test stands on: a workspace of its own, no network, no user's home."""

import os
from pathlib import Path

import pytest

os.environ.update(
    HF_HUB_OFFLINE="1",
    TOKENIZERS_PARALLELISM="false",
    GRADIO_ANALYTICS_ENABLED="False",
    NO_PROXY="localhost,127.0.0.1",
    # Several processes train in these tests: left alone each would take every core.
    OMP_NUM_THREADS=os.environ.get("OMP_NUM_THREADS", "2"),
    # Threads that wait by spinning would keep the others from the cores they wait for.
    OMP_WAIT_POLICY="passive",
)

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
MTURK = SHARED / "data" / "socratiq_mturk_train_valid.csv"


def torch_engine() -> str:
    """The name of the torch engine here: bf16 on a CPU that computes it, fp32 elsewhere."""
    from socratic import device

    return f"torch-{'bf16' if device.plan(device.describe()).bf16 else 'fp32'}-cpu"


needs_mturk = pytest.mark.skipif(
    not MTURK.is_file(), reason="the MTurk file, which may not be committed, is not beside us"
)


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    """No test sees or makes a workspace outside its own folder."""
    monkeypatch.setenv("SOCRATIC_HOME", str(tmp_path / "home"))


@pytest.fixture
def workspace(tmp_path):
    from socratic.workspace import Workspace

    return Workspace.open(tmp_path / "home")


@pytest.fixture
def make_manifest():
    """A function that makes a manifest; keywords change what it says."""
    from socratic.runs import DataUsed, Manifest

    def make(run_id="run-1", **changes):
        values = {
            "run_id": run_id,
            "title": "Mini FLAN small",
            "model": "mini-flan-small",
            "family": "miniature",
            "created": 1.0,
            "recipe": "miniature",
            "data": DataUsed(source="sample"),
        }
        return Manifest(**{**values, **changes})

    return make


@pytest.fixture(scope="session")
def tokenizer_folder():
    """A folder with the miniature's tokenizer."""
    from socratic.catalog import MINIATURE

    return MINIATURE / "mini-flan-small"


@pytest.fixture
def plan():
    """Plain fp32 on the CPU, whatever machine this is."""
    from socratic import device

    return device.plan(device.Machine("cpu", "test", 8.0, cores=2))


@pytest.fixture
def make_base(tmp_path, tokenizer_folder):
    """A function that saves a tiny T5 with the miniature's tokenizer and returns its folder.

    gated: v1.1's architecture with a separate head, else v1.0's with a tied one. std: of the
    embedding; T5's published checkpoints have about 10, where faults of the head show.
    """

    def make(name="base", gated=True, std=10.0, rows=4096, width=32):
        import torch
        from transformers import AutoTokenizer, T5Config, T5ForConditionalGeneration

        torch.manual_seed(0)
        config = T5Config(
            vocab_size=rows, d_model=width, d_kv=8, d_ff=64, num_layers=2, num_heads=4,
            feed_forward_proj="gated-gelu" if gated else "relu",
            tie_word_embeddings=not gated, decoder_start_token_id=0,
        )  # fmt: skip
        model = T5ForConditionalGeneration(config)
        model.shared.weight.data.normal_(0, std)
        if gated:
            model.config.tie_word_embeddings = False
            model.lm_head.weight = torch.nn.Parameter(torch.randn(rows, width) * width**-0.5)
        folder = tmp_path / name
        model.save_pretrained(folder)
        AutoTokenizer.from_pretrained(tokenizer_folder).save_pretrained(folder)
        return folder

    return make


@pytest.fixture
def make_adapter(tmp_path, plan):
    """A function that saves a LoRA adapter for a base and returns its folder.

    trained: fill B with numbers, so that it changes something.
    """

    def make(base, name="adapter", trained=True, tokenizer=True, **config):
        import torch
        from peft import LoraConfig, get_peft_model

        from socratic import loading

        loaded = loading.load_base(str(base), plan)
        targets = list(loading.shape_of(loaded.model).projections)
        settings = {"r": 4, "target_modules": targets, "task_type": "SEQ_2_SEQ_LM", **config}
        model = get_peft_model(loaded.model, LoraConfig(**settings))
        torch.manual_seed(1)
        for key, weight in model.named_parameters():
            if trained and "lora_B" in key:
                weight.data.normal_(0, 0.1)
        folder = tmp_path / name
        model.save_pretrained(folder, save_embedding_layers=False)
        if tokenizer:
            loaded.tokenizer.save_pretrained(folder)
        return folder

    return make
