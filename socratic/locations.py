"""Where the files of a base model are: bundled, in the workspace, in a folder, or on the Hub."""

from pathlib import Path

from socratic import catalog
from socratic.adapters import listing
from socratic.errors import ModelError
from socratic.workspace import Workspace


def locate(model: str, workspace: Workspace | None = None) -> str:
    """Return where a base is loaded from: a bundled or local folder, or a Hub id.

    `workspace/models/<key>` comes before the Hub, so that a machine without internet needs only
    a copied folder. Raises ModelError for something that can be neither.
    """
    spec = catalog.find(model)
    if spec is not None and spec.bundled is not None:
        return str(spec.bundled)
    local = [Path(model).expanduser()]
    if workspace is not None and spec is not None:
        local.insert(0, workspace.models / spec.key)
    for folder in local:
        if (folder / "config.json").is_file():
            return str(folder.absolute())
    if spec is not None and spec.source is not None:
        return spec.source
    if local[-1].exists() or model.count("/") > 1 or model.startswith((".", "~", "/")):
        have = listing(local[-1])
        raise ModelError(f"{model!r} is no model folder: it has no config.json ({have}).")
    return model


def base_folder(model: str, workspace: Workspace | None = None) -> Path | None:
    """Return the folder a base's files lie in; None for one of the Hub that was never fetched."""
    source = locate(model, workspace)
    if Path(source).is_dir():
        return Path(source)
    # Not at the top: its progress bars are switched off by the environment before it is imported.
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(source, "config.json")
    return Path(config).parent if isinstance(config, str) else None
