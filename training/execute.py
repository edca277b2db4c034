"""The process of one run: load, train, score; and leave a truthful status whatever happens."""

import os
import platform
import signal
import subprocess
import sys
import traceback
from importlib.metadata import version
from pathlib import Path

from socratic import catalog, data, device, jobs, runs
from socratic.data import Corpus
from socratic.device import Plan
from socratic.errors import RunError, SocraticError, UsageError
from socratic.runs import Manifest, Run
from socratic.workspace import Workspace
from training import together
from training.progress import Progress, Stopped, told

PACKAGES = ("torch", "transformers", "peft", "accelerate", "datasets", "tokenizers")


def execute(workspace: Workspace, run_id: str) -> int:
    """Do all of a run and return the exit status."""
    run = runs.find(workspace, run_id)
    with jobs.accelerator_lock(workspace):
        # Two runners may have taken up the same run; the second finds it done or under way.
        if run.status().state != "queued":
            return 0
        progress = Progress(run)
        signal.signal(signal.SIGTERM, lambda *_: run.stop_file.touch())
        try:
            _work(workspace, run, progress)
        except Stopped:
            progress.end("stopped", "stopped when asked")
        except SocraticError as error:
            print(f"error: {error}", file=sys.stderr)
            progress.end("failed", str(error))
        except Exception as error:
            traceback.print_exc()
            progress.end("failed", told(error))
    return 0 if run.written_status().state in ("finished", "stopped") else 1


def _work(workspace: Workspace, run: Run, progress: Progress) -> None:
    manifest = run.manifest()
    progress.update(phase="reading data", message="")
    corpus = data.load(manifest.data.source, workspace)
    manifest = _with_data(run, manifest, corpus)
    progress.update(phase="loading")
    if manifest.kind == "evaluation":
        _score(workspace, run, manifest, corpus, progress)
        progress.end("finished", "scored")
    elif _train(workspace, run, manifest, corpus, progress):
        _score_at_end(workspace, run, corpus, progress)
        progress.end("finished", "trained and scored" if manifest.evaluate else "trained")
    else:
        progress.end("stopped", f"stopped at step {progress.status.step:,}, checkpoint saved")


def _with_data(run: Run, manifest: Manifest, corpus: Corpus) -> Manifest:
    if manifest.data.sha256 not in ("", corpus.sha256):
        raise RunError(
            f"The data {manifest.data.source!r} changed since the run {run.id!r} began (sha256 "
            f"{manifest.data.sha256[:12]}, now {corpus.sha256[:12]}); start a new run."
        )
    found = manifest.data.model_copy(
        update={
            "name": corpus.name,
            "sha256": corpus.sha256,
            "counts": corpus.counts,
            "notes": list(corpus.notes),
        }
    )
    return _write(run, manifest.model_copy(update={"data": found}))


def _write(run: Run, manifest: Manifest) -> Manifest:
    run.write_manifest(manifest)
    return manifest


def _plan(manifest: Manifest, training: bool) -> Plan:
    machine = device.describe()
    if machine.unseen and not manifest.cpu:
        raise UsageError(f"{machine.unseen} Or use the CPU on purpose with --cpu.")
    chosen = manifest.hyperparameters
    wishes = device.Wishes(
        cpu=manifest.cpu,
        precision=chosen.precision,
        optimizer=chosen.optimizer,
        activation_checkpointing=chosen.activation_checkpointing,
    )
    if not training:
        return device.plan(machine, wishes)
    processes = _processes(manifest)
    rows = chosen.train_batch // processes
    # Several processes must go through the model equally often, or they wait for each other.
    return device.plan(
        machine, wishes, _activations_gb(manifest, rows), rows if processes == 1 else 1
    )


def _activations_gb(manifest: Manifest, rows: int) -> float | None:
    from socratic.estimates import activations_gb

    spec, chosen = catalog.find(manifest.model), manifest.hyperparameters
    wide = 4 if chosen.precision == "fp32" else 2
    share = chosen.model_copy(update={"train_batch": rows})
    return activations_gb(spec.shape, share, wide) if spec else None


def _train(
    workspace: Workspace, run: Run, manifest: Manifest, corpus: Corpus, progress: Progress
) -> bool:
    if run.adapter is not None:
        return True  # it was trained before a stop or failure during the scoring
    processes = _processes(manifest)
    if processes == 1:
        # Left with several GPUs in sight, the Trainer would split every batch in one process.
        device.see_one()
        return _train_alone(workspace, run, manifest, corpus, progress)
    progress.update(phase=f"launching {processes} processes")
    together.launch(run, workspace, processes, _plan(manifest, training=True))
    progress.status = run.written_status()  # the first of them went on writing it
    return run.adapter is not None


def _processes(manifest: Manifest) -> int:
    chosen, machine = manifest.hyperparameters, device.describe()
    return device.processes(machine, chosen.train_batch, chosen.processes, manifest.cpu)


def train_only(workspace: Workspace, run: Run, progress: Progress) -> None:
    """Train a run whose data were looked at, as one of several processes."""
    manifest = run.manifest()
    together.join(_plan(manifest, training=True).device == "cpu")
    corpus = data.load(manifest.data.source, workspace)
    _train_alone(workspace, run, manifest, corpus, progress)


def _train_alone(
    workspace: Workspace, run: Run, manifest: Manifest, corpus: Corpus, progress: Progress
) -> bool:
    from socratic import loading, soundness
    from training.trainer import train

    plan = _plan(manifest, training=True)
    _settle(plan)
    with together.first_alone():
        progress.update(phase="loading")
        loaded = loading.load_base(manifest.model, plan, workspace)
        # Saving an adapter asks the Hub about its base each time; all that is needed is here now.
        os.environ["HF_HUB_OFFLINE"] = "1"
        if together.rank() == 0:
            _write(run, _with_machine(manifest, plan, loaded.source, loaded.revision))
        progress.update(phase="proving that the model is sound")
        for warning in soundness.prove(loaded, manifest.model, workspace).warnings:
            print(f"warning: {warning}")
    progress.leave_if_stopped()
    return train(run, loaded, corpus, progress, workspace.cache)


def _settle(plan: Plan) -> None:
    import torch

    if "OMP_NUM_THREADS" not in os.environ:  # somebody's own wish to leave cores to others
        torch.set_num_threads(plan.threads)
    if plan.tf32:
        torch.set_float32_matmul_precision("high")


def _with_machine(manifest: Manifest, plan: Plan, source: str, revision: str) -> Manifest:
    from training.evaluation import base_name

    spec = catalog.find(manifest.model)
    trainable = spec.shape.lora_parameters(manifest.hyperparameters.lora_rank) if spec else 0
    return manifest.model_copy(
        update={
            "base": base_name(manifest.model, source),
            "revision": revision,
            "device": [plan.sentence, *plan.reasons],
            "parameters": {
                "trainable": trainable,
                "total": spec.shape.parameters + trainable if spec else 0,
            },
            "versions": {
                "python": platform.python_version(),
                **{name: version(name) for name in PACKAGES},
            },
            "git_commit": _git_commit(catalog.ROOT),
        }
    )


def _git_commit(root: Path) -> str:
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""  # not a checkout, or no git: the versions still tell
    return found.stdout.strip()


def _score_at_end(workspace: Workspace, run: Run, corpus: Corpus, progress: Progress) -> None:
    manifest = run.manifest()
    if manifest.evaluate is not None:
        steps = progress.status.step, progress.status.total_steps
        own = manifest.model_copy(update={"of_run": run.id, "adapter": str(run.adapter)})
        _score(workspace, run, own, corpus, progress)
        # The bar of a finished run shows its training again, not the rows that were scored.
        progress.update(step=steps[0], total_steps=steps[1])


def _score(
    workspace: Workspace, run: Run, manifest: Manifest, corpus: Corpus, progress: Progress
) -> None:
    from training.evaluation import evaluate, task_of

    plan = _plan(manifest, training=False)
    _settle(plan)
    task = task_of(run, manifest, corpus, workspace)
    if manifest.kind == "evaluation":
        _write(run, manifest.model_copy(update={"device": [plan.sentence, *plan.reasons]}))
    evaluate(task, corpus, plan, progress, workspace)
