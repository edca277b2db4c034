"""The stages that make the miniature family, each one resumable.

Everything in the making lies in `<workspace>/miniature`: the tokenizer, a checkpoint of each base
model written every half minute, and the runs of the adapters. A stage whose result is there is not
done again; after `kill -9` the same command goes on from the last checkpoint.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from tqdm import tqdm

from socratic import catalog, recipes
from socratic.errors import RunError, UsageError
from socratic.prompts import MARKER
from socratic.workspace import write_json
from training.miniature import bases, corpus, pretrain, quality, texts, tokenizer

KEYS = tuple(spec.key for spec in catalog.family("miniature"))
STAGES = ("corpus", "tokenizer", "bases", "adapters", "scores")
PLANS = {
    "mini-flan-small": pretrain.Plan(copy_steps=700, text_steps=13000),
    "mini-flan-base": pretrain.Plan(copy_steps=450, text_steps=6000, rate=1.5e-3, text_rate=1.5e-3),
    "mini-t5-base": pretrain.Plan(copy_steps=600, text_steps=12000, rate=2e-3, text_rate=1.5e-3),
}
RECIPE = "miniature"
RECIPE_FILE = "recipe.json"
_THREADS = 2
_SHIPPED = ("manifest.json", "status.json", "metrics.jsonl", "samples.jsonl", "log.txt")
_SHIPPED_FOLDERS = ("adapter", "evaluation", "predictions")


class Build:
    """Makes the family in `home` and puts it in `out`."""

    def __init__(self, home: Path, out: Path, seed: int):
        self.home = home / f"seed-{seed}"
        self.out = out
        self.seed = seed

    def run(self, stages: list[str], keys: list[str]) -> None:
        """Do the stages in their order for the models of `keys`, saying how long each took."""
        for name, choices, given in (("stage", STAGES, stages), ("model", KEYS, keys)):
            unknown = sorted(set(given) - set(choices))
            if unknown:
                raise UsageError(f"There is no {name} {unknown[0]!r}; choose from {choices}.")
        print(
            "On two idle CPU cores all takes an hour and a half; it can be resumed.",
            file=sys.stderr,
        )
        for stage in (stage for stage in STAGES if stage in stages):
            started = time.monotonic()
            getattr(self, stage)(keys)
            minutes = (time.monotonic() - started) / 60
            print(f"{stage}: done in {minutes:.1f} minutes", file=sys.stderr)

    def corpus(self, _: list[str]) -> None:
        """Write the sample data."""
        corpus.write(self.out / "sample", self.seed)
        self._note("corpus", corpus.digests(self.seed))

    def tokenizer(self, _: list[str]) -> None:
        """Train the tokenizer, unless it is there."""
        folder = self.home / "tokenizer"
        if not (folder / "done").is_file():
            tokenizer.build(texts.tokenizer_texts(self.seed), folder)
            (folder / "done").touch()
        self._note("tokenizer", corpus.file_digest(folder / "tokenizer.json"))

    def bases(self, keys: list[str]) -> None:
        """Pre-train the base models and save them; several side by side, a core each."""
        self.tokenizer(keys)
        if len(keys) == 1:
            self._pretrain(keys[0])
            return
        # Models so small gain little from a second core: three processes do it in half the time.
        command = [sys.executable, "-m", "training", "miniature", "build", "--stage", "bases"]
        command += ["--seed", str(self.seed), "--out", str(self.out)]
        command += ["--workspace", str(self.home.parents[1])]
        alone = os.environ | {"OMP_NUM_THREADS": "1"}
        children = [
            subprocess.Popen([*command, "--model", key], cwd=catalog.ROOT, env=alone)
            for key in keys
        ]
        try:
            failed = [key for key, child in zip(keys, children, strict=True) if child.wait()]
        finally:
            for child in children:
                child.terminate()
        if failed:
            raise RunError(f"{failed[0]!r} could not be pre-trained; see the lines above.")

    def _pretrain(self, key: str) -> None:
        torch.set_num_threads(min(_THREADS, torch.get_num_threads()))
        vocabulary = tokenizer.load(self.home / "tokenizer")
        # Passages longer than a model reads are dropped later; here their length is no news.
        vocabulary.model_max_length = sys.maxsize
        trainer = pretrain.Trainer(
            catalog.spec(key), vocabulary, self.home / "bases", PLANS[key], self.seed
        )
        with Bars(key) as bars:
            trainer.copying(bars)
            trainer.reading(bars)
        trainer.save()
        pretrain.set_back(trainer.model, vocabulary.convert_tokens_to_ids(MARKER))
        folder = self.out / "miniature" / key
        bases.save(trainer.model, self.home / "tokenizer", folder)
        self._note(
            key,
            {
                "plan": vars(PLANS[key]),
                "sha256": corpus.file_digest(folder / "model.safetensors"),
                "seconds": round(trainer.state.seconds),
            },
        )

    def adapters(self, keys: list[str]) -> None:
        """Train the adapters by the ordinary path and copy their finished runs."""
        for key in keys:
            found = self._finished_run(key) or self._train_adapter(key)
            target = self.out / "miniature" / "runs" / key
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir(parents=True)
            for name in _SHIPPED:
                shutil.copyfile(found / name, target / name)
            for name in _SHIPPED_FOLDERS:
                shutil.copytree(found / name, target / name)
            _forget_paths(target, self.home)

    def scores(self, keys: list[str]) -> None:
        """Measure the models on the bundled test split; `check` holds them to what is noted."""
        for table in quality.measure(keys, None, 0, self.out):
            self._note(f"{table.model} scores", table.values)

    @property
    def _workspace(self) -> Path:
        return self.home / "adapters"

    def _origin(self, key: str) -> dict[str, str]:
        """Return what decides an adapter: its base and the recipe."""
        weights = self._base(key) / "model.safetensors"
        recipe = recipes.FOLDER / f"{RECIPE}.yaml"
        return {"base": corpus.file_digest(weights), "recipe": corpus.file_digest(recipe)}

    def _base(self, key: str) -> Path:
        return self.out / "miniature" / key

    def _finished_run(self, key: str) -> Path | None:
        """Return the finished run of this very base, if it was made before."""
        note = self.home / f"{key}.adapter.json"
        if not note.is_file():
            return None
        facts = json.loads(note.read_text(encoding="utf-8"))
        run = self._workspace / "runs" / facts.pop("run")
        return run if facts == self._origin(key) else None

    def _train_adapter(self, key: str) -> Path:
        bundled = self._base(key) == catalog.spec(key).bundled
        started = time.time()
        command = [sys.executable, "-m", "training", "run", "--recipe", RECIPE]
        command += ["--model", key if bundled else str(self._base(key))]
        command += ["--data", "sample" if bundled else str(self.out / "sample")]
        command += ["--evaluate", "test", "--workspace", str(self._workspace)]
        if subprocess.run(command, cwd=catalog.ROOT, check=False).returncode:
            raise RunError(f"The adapter of {key!r} could not be trained; see the lines above.")
        made = (path.parent for path in (self._workspace / "runs").glob("*/manifest.json"))
        run = max(
            (path for path in made if path.stat().st_mtime >= started - 1),
            key=lambda path: path.stat().st_mtime,
        )
        write_json(self.home / f"{key}.adapter.json", {"run": run.name, **self._origin(key)})
        return run

    def _note(self, key: str, value: Any) -> None:
        """Put a fact into the recipe file that is shipped with the models."""
        path = self.out / "miniature" / RECIPE_FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        self.home.mkdir(parents=True, exist_ok=True)
        with FileLock(self.home / "recipe.lock"):  # models are made side by side
            facts = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
            facts |= {"seed": self.seed, key: value}
            write_json(path, dict(sorted(facts.items())))


class Bars:
    """Shows a progress bar per phase of pre-training."""

    def __init__(self, key: str):
        self.key = key
        self.bar: Any = None
        self.phase = ""

    def __enter__(self) -> "Bars":
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def __call__(self, phase: str, done: int, total: int, facts: dict[str, float]) -> None:
        """Move the bar of `phase`."""
        if phase != self.phase:
            if self.bar is not None:
                self.bar.close()
            self.phase = phase
            self.bar = tqdm(
                total=total,
                initial=done - 1,
                desc=f"{self.key} {phase}",
                mininterval=5,
                position=KEYS.index(self.key),
            )
        self.bar.update(1)
        self.bar.set_postfix({key: f"{value:.3g}" for key, value in facts.items()}, refresh=False)


def _forget_paths(folder: Path, home: Path) -> None:
    """Replace this machine's folders by names, in the text files of a run that is shipped."""
    for path in folder.rglob("*"):
        if path.suffix in (".json", ".jsonl", ".txt", ".md"):
            text = path.read_text(encoding="utf-8")
            for long, short in (
                (str(home / "adapters"), "workspace"),
                (str(catalog.ROOT) + "/", ""),
                (sys.executable, "python"),
            ):
                text = text.replace(long, short)
            path.write_text(text, encoding="utf-8")
