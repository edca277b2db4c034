"""The adapter a run ends with: weights, tokenizer, model card, in place whole or not at all."""

import shutil

from socratic.loading import Loaded
from socratic.runs import Run


def save_adapter(loaded: Loaded, run: Run, best: float | None) -> None:
    """Write `adapter/`: weights (safetensors), tokenizer, model card; whole or not at all."""
    manifest = run.manifest()
    partial = run.path / "adapter.partial"
    shutil.rmtree(partial, ignore_errors=True)
    # A path of this machine means nothing on another; the catalogue's name does everywhere.
    loaded.model.peft_config["default"].base_model_name_or_path = manifest.base
    loaded.model.save_pretrained(str(partial), save_embedding_layers=False)
    loaded.tokenizer.save_pretrained(str(partial))
    (partial / "README.md").write_text(_card(run, best), encoding="utf-8")
    shutil.rmtree(run.path / "adapter", ignore_errors=True)
    partial.rename(run.path / "adapter")


def _card(run: Run, best: float | None) -> str:
    manifest = run.manifest()
    miniature = (
        "A miniature model, for trying things out.\n\n" if manifest.family == "miniature" else ""
    )
    score = "not measured" if best is None else f"{best:.4f}"
    return (
        f"---\nlibrary_name: peft\nbase_model: {manifest.base}\n---\n"
        f"# {manifest.title}: Socratic questions\n\n{miniature}"
        f"LoRA adapter for `{manifest.base}`, trained on {manifest.data.name} "
        f"({manifest.data.counts.get('train', 0):,} rows, sha256 {manifest.data.sha256[:12]}) with "
        f"the recipe {manifest.recipe!r}.\n\n"
        f"Best validation ROUGE-L (greedy, fixed sample): {score}.\n\n"
        f"Made again by `{manifest.command}`.\n"
    )
