"""LoRA training of one model: the Trainer with the guards this stack needs."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import get_peft_model
from transformers import (
    DataCollatorForSeq2Seq,
    EarlyStoppingCallback,
    Trainer,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_pt_utils import LengthGroupedSampler

from socratic import data, loading, soundness
from socratic.data import Corpus, Row
from socratic.decoding import Decoding
from socratic.device import Plan
from socratic.engines.torch_engine import TorchEngine
from socratic.errors import UnsoundModel
from socratic.estimates import total_steps
from socratic.loading import Loaded
from socratic.prompts import input_text
from socratic.recipes import Hyperparameters
from socratic.runs import Run
from socratic.scoring import rouge_l
from training import checkpoints
from training.callbacks import Recorder
from training.progress import Progress
from training.texts import tokenised

GREEDY = Decoding(beams=1)


@dataclass
class Material:
    """What a run trains on. sample: the validation rows questions are generated for."""

    train: Dataset
    validation: Dataset
    sample: Sequence[Row]


def prepare(loaded: Loaded, corpus: Corpus, chosen: Hyperparameters, cache: Path) -> Material:
    """Return the tokenised splits and the fixed sample of a corpus."""
    limits = (chosen.input_tokens, chosen.target_tokens)
    validation = corpus.split("validation")
    return Material(
        train=tokenised(corpus.split("train"), loaded.tokenizer, limits, cache),
        validation=tokenised(validation, loaded.tokenizer, limits, cache),
        sample=data.stratified(validation, chosen.sample_rows),
    )


def with_lora(loaded: Loaded, chosen: Hyperparameters) -> None:
    """Put an untrained adapter on every projection the architecture names.

    Raises UnsoundModel when the number of trainable weights is not the closed form's.
    """
    shape = loading.shape_of(loaded.model)
    rank, alpha = chosen.lora_rank, chosen.lora_alpha
    config = soundness.lora_config(shape, rank, alpha, chosen.lora_dropout)
    loaded.model = get_peft_model(loaded.model, config)
    trainable, expected = trainable_weights(loaded.model), shape.lora_parameters(rank)
    if trainable != expected:
        raise UnsoundModel(
            f"{trainable:,} weights of {loaded.source!r} would be trained, not {expected:,}; some "
            "projections were left out or wrapped twice."
        )
    warning = soundness.share_warning(loaded.model)
    if warning:
        print(f"warning: {warning}")


def trainable_weights(model: Any) -> int:
    """Return how many weights of a model are trained."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def token_mean(
    outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor | int | None = None
) -> torch.Tensor:
    """Return the cross entropy per real target token of the whole accumulated batch.

    T5 ignores `num_items_in_batch`; left to itself the Trainer would add up the means of the
    accumulated batches and report a loss as many times too large.
    """
    logits = outputs.logits if hasattr(outputs, "logits") else outputs["logits"]
    total = torch.nn.functional.cross_entropy(
        logits.view(-1, logits.size(-1)), labels.view(-1), ignore_index=-100, reduction="sum"
    )
    count = (labels != -100).sum() if num_items_in_batch is None else num_items_in_batch
    return total / count


class EpochGroupedSampler(LengthGroupedSampler):  # type: ignore[misc]
    """Rows of one length together, in an order that depends on seed and epoch alone.

    The library's own draws from the global generator: a run that goes on in the middle of its
    second epoch would meet the rows in another order than one that was never stopped.
    """

    def __init__(self, batch_size: int, lengths: list[int], seed: int) -> None:
        super().__init__(batch_size, lengths=lengths, generator=torch.Generator())
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Tell which epoch the next iteration is; accelerate does."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[int]:
        """Return the row numbers of the epoch."""
        self.generator.manual_seed(self._seed + self._epoch)
        rows: Iterator[int] = super().__iter__()
        return rows


class SocraticTrainer(Trainer):  # type: ignore[misc]
    """Validates by the loss over all rows and ROUGE-L of greedy questions on a fixed sample."""

    def __init__(
        self, loaded: Loaded, sample: Sequence[Row], progress: Progress, **rest: Any
    ) -> None:
        super().__init__(model=loaded.model, compute_loss_func=token_mean, **rest)
        self._loaded = loaded
        self._sample = sample
        self._progress = progress

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> EpochGroupedSampler:
        # The data set handed over has lost its lengths: the Trainer drops what a model cannot read.
        lengths = list(self.train_dataset["length"])
        size = self.args.train_batch_size * self.args.gradient_accumulation_steps
        return EpochGroupedSampler(size, lengths, self.args.seed)

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        """Return the Trainer's own measurements with the sample's ROUGE-L among them.

        Here and not in `evaluate`, so that early stopping and the curves see one and the same.
        """
        self._progress.update(phase="validating")
        output = super().evaluation_loop(*args, **kwargs)
        output.metrics["eval_rougeL"] = self._rouge_of_sample()
        return output

    def _rouge_of_sample(self) -> float:
        self.model.eval()
        engine = TorchEngine(self._loaded)
        rows = sorted(self._sample, key=lambda row: len(row.context))
        references = dict(zip(self._sample, data.references(self._sample), strict=True))
        scores: list[float] = []
        size = self.args.per_device_eval_batch_size
        for start in range(0, len(rows), size):
            batch = rows[start : start + size]
            outputs = engine.generate([input_text(r.type, r.context) for r in batch], GREEDY)
            scores += [
                rouge_l(output.questions[0], references[row])
                for row, output in zip(batch, outputs, strict=True)
            ]
        return sum(scores) / len(scores)


def arguments(
    run: Run, chosen: Hyperparameters, plan: Plan, rows: int, resumed: bool = False
) -> TrainingArguments:
    """Return the Trainer's arguments of a run over `rows` training rows."""
    return TrainingArguments(
        output_dir=str(run.checkpoints),
        max_steps=total_steps(rows, chosen),
        learning_rate=chosen.learning_rate,
        lr_scheduler_type=chosen.scheduler,
        warmup_steps=chosen.warmup if chosen.warmup < 1 else int(chosen.warmup),
        weight_decay=chosen.weight_decay,
        per_device_train_batch_size=chosen.train_batch,
        per_device_eval_batch_size=chosen.eval_batch,
        gradient_accumulation_steps=chosen.accumulation,
        optim=plan.optimizer,
        bf16=plan.bf16,
        tf32=plan.tf32 or None,
        use_cpu=plan.device == "cpu",
        activation_checkpointing=plan.activation_checkpointing,
        dataloader_num_workers=plan.workers,
        dataloader_pin_memory=plan.device == "cuda",
        train_sampling_strategy="group_by_length",
        eval_strategy="steps",
        eval_steps=chosen.eval_steps,
        # A checkpoint is saved after its validation, which stands in the curves already.
        eval_on_start=not resumed,
        save_strategy="steps",
        save_steps=chosen.eval_steps,
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="rougeL",
        greater_is_better=True,
        logging_steps=chosen.logging_steps,
        logging_nan_inf_filter=False,
        include_num_input_tokens_seen="non_padding",
        seed=chosen.seed,
        report_to=[],
        disable_tqdm=True,
    )


def build(
    run: Run, loaded: Loaded, material: Material, chosen: Hyperparameters, progress: Progress
) -> tuple[SocraticTrainer, Path | None]:
    """Return the trainer of a run, and the checkpoint it goes on from."""
    origin = checkpoints.origin_of(run.manifest())
    checkpoint = checkpoints.newest(run.checkpoints, origin)
    before = progress.rewind(checkpoints.step_of(checkpoint) if checkpoint else -1)
    stops = [EarlyStoppingCallback(chosen.patience, chosen.threshold)] if chosen.patience else []
    recorder = Recorder(progress, chosen.train_batch * chosen.accumulation, before, origin)
    trainer = SocraticTrainer(
        loaded,
        material.sample,
        progress,
        args=arguments(run, chosen, loaded.plan, len(material.train), checkpoint is not None),
        train_dataset=material.train,
        eval_dataset=material.validation,
        processing_class=loaded.tokenizer,
        data_collator=DataCollatorForSeq2Seq(loaded.tokenizer, model=loaded.model),
        callbacks=[recorder, *stops],
    )
    return trainer, checkpoint


def train(run: Run, loaded: Loaded, corpus: Corpus, progress: Progress, cache: Path) -> bool:
    """Train a run to its end and save its adapter; return False when it was stopped before.

    The adapter is the best checkpoint's, by validation ROUGE-L.
    """
    chosen = run.manifest().hyperparameters
    set_seed(chosen.seed)
    material = prepare(loaded, corpus, chosen, cache)
    with_lora(loaded, chosen)
    trainer, checkpoint = build(run, loaded, material, chosen, progress)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if progress.stop_asked() and trainer.state.global_step < trainer.state.max_steps:
        return False
    save_adapter(loaded, run, trainer.state.best_metric)
    return True


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
