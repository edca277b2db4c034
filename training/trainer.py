"""LoRA training of one model: the Trainer with the guards this stack needs."""

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
    PrinterCallback,
    Trainer,
    set_seed,
)
from transformers.trainer_utils import EvalLoopOutput

from socratic import data, loading, soundness
from socratic.data import Corpus, Row
from socratic.decoding import Decoding
from socratic.engines.torch_engine import TorchEngine
from socratic.errors import UnsoundModel
from socratic.loading import Loaded
from socratic.prompts import input_text
from socratic.recipes import Hyperparameters
from socratic.runs import Run
from socratic.scoring import rouge_l
from training import checkpoints, objective, parts, quick, together
from training.arguments import arguments, validation_is_due
from training.callbacks import Recorder
from training.parts import Passes, Tensors
from training.progress import Progress, Stopped
from training.sampler import EpochGroupedSampler
from training.saving import save_adapter
from training.texts import tokenised
from training.usage import Meter

GREEDY = Decoding(beams=1)
# So many validation rows are kept with what the run asks about them: one sees it learn.
SHOWN = 3


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


class SocraticTrainer(Trainer):  # type: ignore[misc]
    """Validates by the loss over all rows and ROUGE-L of greedy questions on a fixed sample."""

    def __init__(
        self,
        loaded: Loaded,
        sample: Sequence[Row],
        progress: Progress,
        passes: Passes,
        **rest: Any,
    ) -> None:
        super().__init__(model=loaded.model, compute_loss_func=objective.token_mean, **rest)
        self._positions = objective.RealPositions(loaded.model.get_output_embeddings())
        self._passes = passes
        self._loaded = loaded
        self._sample = sample
        self._progress = progress

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Return the loss, its logits computed at real target positions only."""
        # With a cache each layer copies its keys and values, for a next token that never comes.
        inputs = {**inputs, "use_cache": False}
        with self._positions.of(inputs["labels"]):
            return super().compute_loss(model, inputs, *args, **kwargs)

    def training_step(
        self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None
    ) -> torch.Tensor:
        """Return the loss of a batch, its gradient gone back, part by part: they add up."""
        inputs = self._prepare_inputs(inputs)
        if self._passes.lanes:
            model.train()
            losses = self._learn(model, inputs, num_items_in_batch)
        else:
            step = super().training_step
            losses = self._passes.map(
                lambda part: step(model, dict(part), num_items_in_batch), inputs
            )
        return torch.stack(losses).sum()

    def _learn(self, model: Any, inputs: Tensors, targets: Any) -> list[torch.Tensor]:
        """Return the losses of a batch's parts, and add up the gradients each lane found."""
        trained = [weight for weight in model.parameters() if weight.requires_grad]

        def learn(part: Tensors) -> tuple[torch.Tensor, Sequence[torch.Tensor]]:
            loss = self.compute_loss(model, dict(part), num_items_in_batch=targets)
            return loss.detach(), torch.autograd.grad(loss, trained)

        losses = []
        # In the order of the parts, whichever was done first: a sum of floats depends on it.
        for loss, gradients in self._passes.map(learn, inputs):
            losses.append(loss)
            for weight, gradient in zip(trained, gradients, strict=True):
                weight.grad = gradient if weight.grad is None else weight.grad.add_(gradient)
        return losses

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> EpochGroupedSampler:
        # The data set handed over has lost its lengths: the Trainer drops what a model cannot read.
        lengths = list(self.train_dataset["length"])
        shares = self.args.gradient_accumulation_steps * self.args.world_size
        size = self.args.train_batch_size * shares
        self._rows = EpochGroupedSampler(size, lengths, self.args.seed)
        return self._rows

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> EvalLoopOutput:
        """Return the validation loss and the sample's ROUGE-L.

        Here and not in `evaluate`, so that early stopping and the curves see one and the same.
        Random numbers go on as if there had been no validation, whenever one is cut short.
        """
        self._progress.update(phase="validating")
        self.model.eval()
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            metrics = {"eval_loss": self._validation_loss(), "eval_rougeL": self._rouge_of_sample()}
        return EvalLoopOutput(None, None, metrics, len(self.eval_dataset))

    def _validation_loss(self) -> float:
        """Return the mean over all target tokens; the Trainer's own is one over its batches."""
        rows = self.eval_dataset.select_columns(["input_ids", "labels"])

        def loss(part: Tensors) -> float:
            with torch.no_grad():
                # A sum: the Trainer multiplies by the number of processes again.
                return float(self.compute_loss(self.model, dict(part), False, together.size()))

        total = 0.0
        for batch in self._batches(list(self.eval_dataset["length"])):
            inputs = self._prepare_inputs(self.data_collator([rows[i] for i in batch]))
            total += sum(self._passes.map(loss, inputs))
        totals = together.merged({together.rank(): total})
        return sum(totals.values()) / sum(map(len, rows["labels"]))

    def _batches(self, lengths: Sequence[int]) -> Iterator[list[int]]:
        """Return this process's batches; rows of one length go together, for the least padding."""
        order = sorted(range(len(lengths)), key=lambda i: lengths[i])
        size = self.args.per_device_eval_batch_size
        batches = [order[start : start + size] for start in range(0, len(order), size)]
        for turn in range(0, len(batches), together.size()):
            self._progress.leave_if_stopped()
            yield from batches[turn + together.rank() :][:1]

    def _rouge_of_sample(self) -> float:
        references = data.references(self._sample)
        asked = self._ask([input_text(row.type, row.context) for row in self._sample])
        self._progress.show(self.state.global_step, shown(self._sample, asked))
        scores = [rouge_l(text, known) for text, known in zip(asked, references, strict=True)]
        return sum(scores) / len(scores)

    def _ask(self, inputs: Sequence[str]) -> list[str]:
        engine = TorchEngine(self._loaded)
        asked: dict[int, str] = {}
        for batch in self._batches([len(text) for text in inputs]):
            outputs = engine.generate([inputs[i] for i in batch], GREEDY)
            asked |= {i: out.questions[0] for i, out in zip(batch, outputs, strict=True)}
        asked = together.merged(asked)
        return [asked[i] for i in range(len(inputs))]

    def _evaluate(self, trial: Any, ignore_keys: Any, skip_scheduler: bool = False) -> Any:
        metrics = super()._evaluate(trial, ignore_keys, skip_scheduler)
        step = self.state.global_step
        # Made at the start of a resumed run, in place of one that a stop cut short: the Trainer
        # takes the first for a mere look, but this one may be the best.
        if skip_scheduler and step and self._determine_best_metric(metrics, trial):
            self.state.best_model_checkpoint = str(Path(self.args.output_dir, f"checkpoint-{step}"))
        return metrics

    def _run_epoch(self, *args: Any, **kwargs: Any) -> None:
        if self.control.should_training_stop or self.state.global_step >= self.state.max_steps:
            # Resumed after its last step: the Trainer would make one more.
            self.control.should_training_stop = True
            return
        self._rows.epoch = kwargs["epoch"]
        super()._run_epoch(*args, **kwargs)

    def save_here(self) -> None:
        """Save a checkpoint of the step at hand, unless there is one or nothing was trained."""
        step = self.state.global_step
        whole = checkpoints.is_complete(Path(self.args.output_dir, f"checkpoint-{step}"))
        if step and not together.agreed(whole):
            self._save_checkpoint(self.model, None)
            self.callback_handler.on_save(self.args, self.state, self.control)


def shown(rows: Sequence[Row], asked: Sequence[str]) -> list[dict[str, str]]:
    """Return the rows that are kept with their questions: the first of each type, at most three."""
    first = {row.type: i for i, row in reversed(list(enumerate(rows)))}
    order = sorted(range(len(rows)), key=lambda i: first[rows[i].type] != i)
    return [
        {
            "type": rows[i].type,
            "context": rows[i].context,
            "reference": rows[i].question,
            "question": asked[i],
        }
        for i in order[:SHOWN]
    ]


def build(
    run: Run, loaded: Loaded, material: Material, chosen: Hyperparameters, progress: Progress
) -> tuple[SocraticTrainer, Path | None]:
    """Return the trainer of a run, and the checkpoint it goes on from."""
    origin = checkpoints.origin_of(run.manifest())
    with together.first_alone():  # it sets aside what the others then no longer find
        checkpoint = checkpoints.newest(run.checkpoints, origin)
    step = checkpoints.step_of(checkpoint) if checkpoint else -1
    points = progress.rewind(step)
    stops = [EarlyStoppingCallback(chosen.patience, chosen.threshold)] if chosen.patience else []
    before = float(points[-1].get("time", 0.0)) if points else 0.0
    meter = Meter(loaded.plan.device, loaded.plan.threads)
    rows_per_step = chosen.train_batch * chosen.accumulation
    recorder = Recorder(progress, rows_per_step, before, origin, meter)
    first = validation_is_due(step, points, chosen, len(material.train))
    trainer = SocraticTrainer(
        loaded,
        material.sample,
        progress,
        parts.passes(loaded, chosen),
        args=arguments(run, chosen, loaded.plan, len(material.train), first),
        train_dataset=material.train,
        eval_dataset=material.validation,
        processing_class=loaded.tokenizer,
        data_collator=DataCollatorForSeq2Seq(loaded.tokenizer, model=loaded.model),
        callbacks=[recorder, *stops],
    )
    trainer.remove_callback(PrinterCallback)  # the recorder says it in words
    return trainer, checkpoint


def train(run: Run, loaded: Loaded, corpus: Corpus, progress: Progress, cache: Path) -> bool:
    """Train a run to its end and save its adapter; return False when it was stopped before.

    The adapter is the best checkpoint's, by validation ROUGE-L.
    """
    chosen = run.manifest().hyperparameters
    set_seed(chosen.seed)
    with together.first_alone():
        material = prepare(loaded, corpus, chosen, cache)
    with_lora(loaded, chosen)
    if loaded.plan.device == "cpu":
        quick.quicken(loaded.model)
    trainer, checkpoint = build(run, loaded, material, chosen, progress)
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except Stopped:  # in the midst of a validation
        trainer.save_here()
        return False
    if progress.stop_asked() and trainer.state.global_step < trainer.state.max_steps:
        return False
    if together.rank() == 0:
        save_adapter(loaded, run, trainer.state.best_metric)
    return True
