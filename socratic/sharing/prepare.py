"""Get ready for a machine without internet: `python -m socratic prepare`.

Every base model of the thesis is fetched (or found in `workspace/models` or the Hub's cache) and
loaded once as the app would load it; so are the trained adapters. What is missing is said.
"""

import gc
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from socratic import catalog, data, device, locations, recordings, systems
from socratic.errors import DataError, HubError, SocraticError
from socratic.sharing.hub_errors import explained
from socratic.systems import System
from socratic.workspace import Workspace

# All that loading a T5 base reads; the same weights stand there in three other formats.
BASE_FILES = (
    "config.json",
    "generation_config.json",
    "*.safetensors",
    "*.safetensors.index.json",
    "tokenizer*.json",
    "special_tokens_map.json",
    "spiece.model",
)


@dataclass(frozen=True)
class Item:
    """One thing that is needed. ready: whether it is here and sound; said: what was found."""

    what: str
    ready: bool
    said: str


def everything(workspace: Workspace) -> Iterator[Item]:
    """Fetch and check one thing after the other, yielding each when its state is known."""
    for family in catalog.FAMILIES:
        for spec in catalog.family(family):
            if not spec.optional:
                yield base(spec, workspace)
    for system in systems.available(workspace):
        yield adapter(system, workspace)
    yield recorded(workspace)
    yield sample()
    yield socratiq(workspace)


def base(spec: catalog.ModelSpec, workspace: Workspace) -> Item:
    """Fetch a base model where it is not here, and load it once."""
    from socratic import loading

    what = f"base model {spec.key}"
    try:
        source = locations.locate(spec.key, workspace)
        if source == spec.source:
            _fetch(source)
        loaded = loading.load_base(spec.key, device.plan(device.describe()), workspace)
        shape = loading.shape_of(loaded.model)
    except HubError as error:
        place = workspace.models / spec.key
        return Item(what, False, f"{error} Or copy its folder from elsewhere to {str(place)!r}.")
    except SocraticError as error:
        return Item(what, False, str(error))
    finally:
        gc.collect()  # three full-size models need not lie in memory at once
    if shape != spec.shape:
        return Item(what, False, f"{source} has another shape than {spec.key}: {shape}.")
    head = "tied to the embedding" if loaded.tied else "separate"
    return Item(what, True, f"{source}: {shape.parameters:,} weights, output head {head}")


def _fetch(repo: str) -> None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        snapshot_download(repo, allow_patterns=list(BASE_FILES), local_files_only=True)
        return
    except LocalEntryNotFoundError:
        pass  # not all of it is in the cache yet
    try:
        snapshot_download(repo, allow_patterns=list(BASE_FILES))
    except Exception as error:
        raise explained(error, repo) from error


def adapter(system: System, workspace: Workspace) -> Item:
    """Load a trained adapter with its base once."""
    from socratic import loading

    try:
        loading.load(system.model, device.plan(device.describe()), system.adapter, workspace)
    except SocraticError as error:
        return Item(f"adapter {system.key}", False, str(error))
    finally:
        gc.collect()
    where = "shipped with the project" if system.bundled else "in the workspace"
    return Item(f"adapter {system.key}", True, f"loads on {system.model}, {where}")


def recorded(workspace: Workspace) -> Item:
    """Look whether every adapter's answers to the prepared examples are kept, of these weights."""
    first = recordings.contexts()[0]
    found = systems.available(workspace)
    without = [each.key for each in found if not recordings.find(each, first, workspace)]
    if without:
        said = f"none of {', '.join(without)}; `python -m socratic record` keeps them"
        return Item("recorded answers", False, said)
    return Item(
        "recorded answers", True, f"of {len(found)} adapters, for when one cannot be loaded"
    )


def sample() -> Item:
    """Read the bundled sample data."""
    return _data("sample")


def socratiq(workspace: Workspace) -> Item:
    """Find SocratiQ in the workspace or fetch it, and read it as a run would."""
    if not (workspace.data / "socratiq" / "fetched.json").is_file():
        said = _fetch_socratiq(workspace)
        if said:
            return Item("data socratiq", False, said)
    return _data("socratiq", workspace)


def _data(name: str, workspace: Workspace | None = None) -> Item:
    try:
        corpus = data.load(name, workspace)
    except (DataError, OSError) as error:
        return Item(f"data {name}", False, str(error))
    counts = ", ".join(f"{count:,} {split}" for split, count in corpus.counts.items())
    return Item(f"data {name}", True, counts)


def _fetch_socratiq(workspace: Workspace) -> str:
    """Return why it could not be fetched, or nothing; `training` is a package apart."""
    command = [sys.executable, "-m", "training", "data", "fetch", "--json"]
    done = subprocess.run(
        [*command, "--workspace", str(workspace.root)],
        check=False,  # what it says is the answer
        cwd=catalog.ROOT,
        capture_output=True,
        text=True,
    )
    if done.returncode == 0 and json.loads(done.stdout):
        return ""
    lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
    return f"{lines[-1].removeprefix('error: ')} (`python -m training data fetch`)"
