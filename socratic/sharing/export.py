"""What of a run leaves this machine: its files, without paths of this machine or secrets.

Publishing and the Space both take a run's files from here. Checkpoints, logs and predictions
stay: the first are large and pickled, the others hold what nobody checked for privacy.
"""

import json
import math
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

from safetensors import SafetensorError, safe_open

from socratic import adapters, catalog, runs
from socratic.errors import ModelError, RunError
from socratic.runs import Run
from socratic.scoring.evaluation import Evaluation
from socratic.workspace import Workspace

Content = bytes | Path
ADAPTER = "adapter/"
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "spiece.model",
)
# A path where one may stand: not inside a URL, a Hub id, a fraction or a tag such as </s>.
_LOCAL_PATH = re.compile(r"""(?<![\w:/.<])(?:/|~/|\.\.?/|[A-Za-z]:\\)[^\s'"]+""")
_TOKEN = re.compile(r"\bhf_[A-Za-z0-9]{20,}")
# Options of a command that speak of this machine alone, each with its value.
_PRIVATE_OPTIONS = ("--workspace",)


@dataclass(frozen=True)
class Export:
    """A run's files by their path in the run folder, and what its card is written from."""

    files: Mapping[str, Content]
    manifest: runs.Manifest
    evaluations: tuple[Evaluation, ...]
    points: tuple[Mapping[str, Any], ...] = ()

    def size(self, path: str) -> int:
        """Return the bytes of one file."""
        return size_of(self.files[path])


def size_of(content: Content) -> int:
    """Return how many bytes a file has that is at hand or on disk."""
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def of_run(run: Run, workspace: Workspace) -> Export:
    """Return the export of a trained run.

    Raises RunError when it has no adapter or a file would still tell a path of this machine or a
    token, ModelError when the adapter is not plain safetensors.
    """
    manifest = run.manifest()
    if manifest.kind != "training" or run.adapter is None:
        raise RunError(f"The run {run.id!r} has no adapter to share ({run.status().state}).")
    check_weights(run.adapter)
    clean = runs.Manifest.model_validate(public(manifest.model_dump()))
    evaluations = tuple(_evaluations(run))
    files: dict[str, Content] = {
        "manifest.json": _json(clean.model_dump()),
        **{f"{ADAPTER}{name}": found for name, found in _adapter_files(run.adapter)},
    }
    points = runs.MetricsReader(run.metrics_file).news()
    if points:
        files["metrics.jsonl"] = lines(points)
    for stem, one in evaluations:
        files[f"evaluation/{stem}.json"] = _json(one.model_dump(mode="json"))
    _refuse_leaks(files, workspace)
    return Export(files, clean, tuple(one for _, one in evaluations), tuple(points))


def check_weights(adapter: Path) -> None:
    """Raise ModelError unless the folder holds a LoRA adapter as readable safetensors."""
    adapters.config(adapter)
    links = [path.name for path in (adapter, *adapter.iterdir()) if path.is_symlink()]
    if links:
        raise ModelError(
            f"{str(adapter)!r} holds links to other places ({', '.join(links)}); nothing beyond a "
            "run is shared, copy the files themselves."
        )
    path = adapter / adapters.WEIGHTS
    try:
        with safe_open(str(path), framework="np") as file:
            empty = not list(file.keys())
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{str(path)!r} is no safetensors file ({adapters.first_line(error)}); only "
            "safetensors are shared, pickled weights can run code."
        ) from None
    if empty:
        raise ModelError(f"{str(path)!r} holds no weights; train again.")


def _adapter_files(folder: Path) -> Iterable[tuple[str, Content]]:
    yield adapters.WEIGHTS, folder / adapters.WEIGHTS
    yield adapters.CONFIG, _json(_without_paths(adapters.config(folder)))
    for name in TOKENIZER_FILES:
        path = folder / name
        if name.endswith("_config.json") and path.is_file():
            yield name, _json(_without_paths(json.loads(path.read_text(encoding="utf-8"))))
        elif path.is_file():
            yield name, path


def _evaluations(run: Run) -> Iterable[tuple[str, Evaluation]]:
    for path in sorted((run.path / "evaluation").glob("*.json")):
        read = Evaluation.read(path)
        yield path.stem, Evaluation.model_validate(public(read.model_dump(mode="json")))


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()


def lines(points: Iterable[Mapping[str, Any]]) -> bytes:
    """Return points of curves as the lines of a file: numbers alone, no point without a step."""
    kept = ({key: each for key, each in point.items() if _number(each)} for point in points)
    return "".join(f"{json.dumps(point)}\n" for point in kept if "step" in point).encode()


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def public(value: Any, key: str = "") -> Any:
    """Return a JSON value with every path of this machine cut down to its last name."""
    if isinstance(value, dict):
        return {name: public(each, name) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [public(each) for each in value]
    if isinstance(value, str):
        return public_command(value) if key == "command" else public_text(value)
    return value


def public_text(text: str) -> str:
    """Return a text with every path in it cut down to its last name."""
    if _is_path(text):
        return last_name(text)
    return _LOCAL_PATH.sub(lambda match: last_name(match.group()), text)


def public_command(command: str) -> str:
    """Return a command that can be repeated elsewhere: paths by their last name, no workspace."""
    try:
        words = shlex.split(command)
    except ValueError:
        return ""  # not a command one could repeat anyway
    kept: list[str] = []
    skip = False
    for word in words:
        name, equals, value = word.partition("=")
        if skip or name in _PRIVATE_OPTIONS:
            skip = not skip and not equals
        elif equals and _is_path(value):
            kept.append(f"{name}={last_name(value)}")
        else:
            kept.append(last_name(word) if _is_path(word) else word)
    return shlex.join(kept)


def _is_path(text: str) -> bool:
    return bool(re.match(r"(?:/\w|~\w*/|\.\.?/|[A-Za-z]:[\\/]|\\\\)", text))


def last_name(path: str) -> str:
    """Return the last part of a POSIX or Windows path."""
    return PureWindowsPath(path).name


def _without_paths(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a library's config; only whole values are looked at, tokens such as </s> stay."""
    return {
        key: last_name(value) if isinstance(value, str) and _is_path(value) else value
        for key, value in values.items()
    }


def _refuse_leaks(files: Mapping[str, Content], workspace: Workspace) -> None:
    """Raise RunError when a text still holds a folder of this machine or a token."""
    places = [
        str(place) for place in (Path.home(), workspace.root, catalog.ROOT) if place.parts[1:]
    ]
    for name, content in files.items():
        if not isinstance(content, bytes):
            continue  # weights and vocabulary: no text of ours
        text = content.decode("utf-8", errors="replace")
        for place in places:
            if f"{place}/" in text:
                raise RunError(f"{name} names the folder {place!r}; nothing was sent.")
        if _TOKEN.search(text):
            raise RunError(
                f"{name} holds what looks like a Hub token; nothing was written or sent."
            )
