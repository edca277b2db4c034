"""Publish adapters to the Hugging Face Hub, and pull them: `python -m socratic publish|pull`.

A published repository has the adapter at its root, so that PEFT loads it by name, and beside it
what the tabs show: `manifest.json`, `metrics.jsonl`, `evaluation/*.json`.
"""

import re
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from socratic import adapters, catalog, runs
from socratic.errors import ModelError, RunError, UsageError
from socratic.runs import DataUsed, Manifest, Run, Status
from socratic.scoring.evaluation import Evaluation
from socratic.sharing import export, model_card, picture
from socratic.sharing.export import ADAPTER, Content, Export
from socratic.sharing.hub_errors import explained
from socratic.workspace import Workspace, told, write_json

CARD = "README.md"
REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_WANTED = re.compile(r"manifest\.json|metrics\.jsonl|evaluation/[\w.-]+\.json")
# What an adapter, its curves and its scores never need; a repository with more is not one.
MOST_BYTES = {".safetensors": 4 * 2**30, ".model": 64 * 2**20, ".json": 64 * 2**20}
MOST_BYTES |= {".jsonl": 256 * 2**20}


@dataclass(frozen=True)
class Published:
    """Where an adapter was published."""

    repo: str
    url: str
    commit: str


def check_repo(repo: str) -> str:
    """Return `OWNER/NAME`; raise UsageError when it is not one."""
    if len(repo) > 96 or ".." in repo or "--" in repo or not REPO.fullmatch(repo):
        raise UsageError(f"{repo!r} is no repository; write it as OWNER/NAME.")
    return repo


def to_upload(chosen: Export, repo: str) -> dict[str, Content]:
    """Return the files of a repository by path: the adapter at the root, the card, the rest."""
    image = picture.curves(chosen.manifest, chosen.points)
    card = model_card.write(chosen.manifest, chosen.evaluations, repo, curves=bool(image))
    files = {path.removeprefix(ADAPTER): content for path, content in chosen.files.items()}
    return {CARD: card.encode(), **({picture.NAME: image} if image else {}), **files}


class Upload:
    """An upload to `repo`, which is made where there is none: file by file, then one commit.

    Weights that reached the Hub in an interrupted try are not sent again. Raises HubError.
    """

    def __init__(self, files: dict[str, Content], repo: str, private: bool) -> None:
        from huggingface_hub import CommitOperationAdd, HfApi

        self._api, self.repo, self._private = HfApi(), repo, private
        self._additions = [CommitOperationAdd(path, content) for path, content in files.items()]

    def send(self) -> Iterator[str]:
        """Send what does not fit into a commit, yielding the path of each file that is ready."""
        with _in_words(self.repo):
            # Not asked for: what the owner has set as the default holds, never a forced public.
            self._api.create_repo(self.repo, private=self._private or None, exist_ok=True)
        for addition in self._additions:
            with _in_words(self.repo):
                self._api.preupload_lfs_files(self.repo, [addition])
            yield addition.path_in_repo

    def commit(self) -> Published:
        """Make all files stand in the repository at once; to be called after `send`."""
        with _in_words(self.repo):
            made = self._api.create_commit(
                self.repo, self._additions, commit_message="Publish adapter, curves and scores"
            )
        return Published(self.repo, made.repo_url, made.oid)


@contextmanager
def _in_words(repo: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise explained(error, repo) from error


def upload_space(folder: Path, repo: str, private: bool) -> Published:
    """Make the Space `repo` where there is none, and put a written folder there in one commit.

    Raises HubError.
    """
    from huggingface_hub import HfApi

    with _in_words(repo):
        api = HfApi()
        api.create_repo(
            repo, repo_type="space", space_sdk="gradio", private=private or None, exist_ok=True
        )
        made = api.upload_folder(
            repo_id=repo,
            repo_type="space",
            folder_path=folder,
            commit_message="Write the Space",
            # What an earlier version had and this one has not.
            delete_patterns="*",
        )
    return Published(repo, made.repo_url, made.oid)


@dataclass(frozen=True)
class Listing:
    """What a repository holds at one commit. files: those a run is made of, with their bytes."""

    commit: str
    files: dict[str, int]


def listing(repo: str) -> Listing:
    """Return the files of a repository that a run is made of, named exactly, nothing else.

    Raises HubError, and ModelError when it holds no safetensors adapter or too large a file.
    """
    from huggingface_hub import HfApi

    with _in_words(repo):
        found = HfApi().model_info(repo, files_metadata=True)
    names = {each.rfilename: each.size or 0 for each in found.siblings or ()}
    adapter = (adapters.CONFIG, adapters.WEIGHTS, *export.TOKENIZER_FILES)
    files = {k: size for k, size in names.items() if k in adapter or _WANTED.fullmatch(k)}
    for needed in (adapters.CONFIG, adapters.WEIGHTS):
        if needed not in files:
            pickled = any(name.endswith((".bin", ".pt", ".ckpt")) for name in names)
            hint = " Pickled weights can run code and are not read." if pickled else ""
            raise ModelError(f"{repo!r} is no adapter repository: it has no {needed}.{hint}")
    for name, size in files.items():
        if size > MOST_BYTES[Path(name).suffix]:
            raise ModelError(f"{name} of {repo!r} has {size:,} bytes; no adapter needs that.")
    return Listing(str(found.sha), files)


def pull(repo: str, workspace: Workspace, name: str = "") -> Run:
    """Get an adapter repository as the run `name` (the repository's by default) and return it.

    Never replaces a run: raises RunError when there is one of that name, HubError, or ModelError
    when what came is not a sound adapter. What was got stays in the cache for the next try.
    """
    target = _free_place(name or check_repo(repo).partition("/")[2], workspace)
    cache = workspace.cache / "pull" / repo.replace("/", "--")
    cache.mkdir(parents=True, exist_ok=True)
    with FileLock(cache.with_suffix(".lock")):
        found = listing(repo)
        _download(repo, found, cache / "files")
        made = cache / "run"
        shutil.rmtree(made, ignore_errors=True)
        _assemble(cache / "files", found, made)
        write_manifest(made, target.name, repo, found.commit)
        _put(made, target)
        shutil.rmtree(cache)
    return Run(target)


def adapter_folder(repo: str) -> Path | None:
    """Return where an adapter repository lies in the Hub's cache, got first where it is not.

    None for a repository that holds no adapter (a base model). Without a network the cache alone
    answers. Raises HubError, UsageError for what is no repository's name.
    """
    from huggingface_hub import snapshot_download

    wanted = [adapters.CONFIG, adapters.WEIGHTS, *export.TOKENIZER_FILES]
    with _in_words(repo):
        folder = Path(snapshot_download(check_repo(repo), allow_patterns=wanted))
    return folder if (folder / adapters.CONFIG).is_file() else None


def _free_place(name: str, workspace: Workspace) -> Path:
    if not re.fullmatch(r"\w[\w.-]*", name):
        raise UsageError(f"{name!r} is no name for a run; use letters, digits, dots and dashes.")
    if any((root / name).exists() for root in (workspace.runs, runs.BUNDLED)):
        raise RunError(
            f"There is a run {name!r} already and it stays as it is; pull under another name with "
            "--as NAME, or delete it first."
        )
    return workspace.runs / name


def _download(repo: str, found: Listing, folder: Path) -> None:
    from huggingface_hub import hf_hub_download

    with _in_words(repo):
        for name in found.files:
            hf_hub_download(repo, name, revision=found.commit, local_dir=folder)


def _assemble(files: Path, found: Listing, made: Path) -> None:
    """Lay the files of a repository out as a run folder."""
    for name in found.files:
        top = bool(_WANTED.fullmatch(name))
        place = made / name if top else made / ADAPTER / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(files / name, place)
    export.check_weights(made / ADAPTER)


def write_manifest(made: Path, run_id: str, repo: str, commit: str) -> None:
    """Give a pulled folder manifest, status and scores of its own name; check all of it.

    Raises ModelError or RunError for what is damaged, or for a base that is a path.
    """
    run = Run(made)
    base = base_named(made / ADAPTER, repo)
    known = (made / "manifest.json").is_file()
    manifest = run.manifest() if known else _minimal(made / ADAPTER, base, repo, commit)
    # What others wrote may name files of this machine; nothing here is to open them.
    manifest = Manifest.model_validate(export.public(manifest.model_dump()))
    if manifest.kind != "training":
        raise RunError(f"{repo!r} is not a trained run; there is nothing to pull.")
    spec = catalog.find(base)
    run.write_manifest(
        manifest.model_copy(
            update={
                "run_id": run_id,
                "model": base,
                "family": spec.family if spec else "own",
                "adapter": None,
                "of_run": None,
            }
        )
    )
    _keep_numbers(run.metrics_file)
    points = runs.MetricsReader(run.metrics_file).news()
    run.write_status(_status(points, manifest.created, repo))
    for path in (made / "evaluation").glob("*.json"):
        one = Evaluation.read(path)
        update = {"run": run_id, "model": base, "adapter": "adapter"}
        write_json(path, export.public(one.model_copy(update=update).model_dump(mode="json")))


def _keep_numbers(path: Path) -> None:
    if path.is_file():
        path.write_bytes(export.lines(runs.MetricsReader(path).news()))


def base_named(adapter: Path, repo: str) -> str:
    """Return the base a repository's adapter names; raise ModelError where that is a path."""
    named = adapters.base_of(adapter)
    # A path would be looked for on this machine: what lies there is not for strangers to choose.
    if catalog.find(named) is None and not re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)?", named):
        raise ModelError(f"{repo!r} names no base model but the path {named!r}; ask its author.")
    return named


def _minimal(adapter: Path, base: str, repo: str, commit: str) -> Manifest:
    """Return what is known of an adapter that comes without a manifest."""
    config: dict[str, Any] = adapters.config(adapter)
    spec = catalog.find(base)
    return Manifest(
        run_id="",
        title=f"{spec.title if spec else base} ({repo})",
        model=base,
        family=spec.family if spec else "own",
        created=time.time(),
        data=DataUsed(
            source="unknown",
            name="unknown",
            notes=[
                f"Pulled from {repo} without a manifest: data, recipe and curves are not known."
            ],
        ),
        base=(spec.source or spec.key) if spec else base,
        revision=str(config.get("revision") or ""),
        command=f"python -m socratic pull {repo}",
        versions={"repository": commit},
    )


def _status(points: Sequence[dict[str, Any]], created: float, repo: str) -> Status:
    last = points[-1] if points else {}
    steps = int(last.get("step", 0))
    return Status(
        state="finished",
        step=steps,
        total_steps=steps,
        epoch=float(last.get("epoch", 0.0)),
        started=created,
        message=f"pulled from {repo}",
    )


def _put(made: Path, target: Path) -> None:
    try:
        made.rename(target)
    except OSError as error:
        raise RunError(f"The run {target.name!r} could not be put in place ({told(error)}).") from (
            error
        )
