"""A run's hyperparameters and the machine's plan -> the Trainer's arguments."""

from collections.abc import Mapping, Sequence

from transformers import TrainingArguments

from socratic.device import Plan
from socratic.estimates import total_steps
from socratic.recipes import Hyperparameters
from socratic.runs import Run
from training import together


def arguments(
    run: Run, chosen: Hyperparameters, plan: Plan, rows: int, validate_first: bool = True
) -> TrainingArguments:
    """Return the Trainer's arguments of a run over `rows` training rows."""
    return TrainingArguments(
        output_dir=str(run.checkpoints),
        max_steps=total_steps(rows, chosen),
        learning_rate=chosen.learning_rate,
        lr_scheduler_type=chosen.scheduler,
        warmup_steps=chosen.warmup if chosen.warmup < 1 else int(chosen.warmup),
        weight_decay=chosen.weight_decay,
        per_device_train_batch_size=chosen.train_batch // together.size(),
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
        eval_on_start=validate_first,
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
        ddp_find_unused_parameters=False,
    )


def validation_is_due(
    step: int, points: Sequence[Mapping[str, float]], chosen: Hyperparameters, rows: int
) -> bool:
    """Return whether a run going on from `step` (-1: the start) validates before it trains.

    A checkpoint is saved after its validation, unless a stop cut that short.
    """
    if step < 0:
        return True
    due = step % chosen.eval_steps == 0 or step >= total_steps(rows, chosen)
    return due and not any("rougeL" in point for point in points if point["step"] == step)
