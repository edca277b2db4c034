"""The loss is over real targets alone, and scores read texts, never padded labels."""

import pytest
import torch

from socratic import data, loading, plans, recipes, runs

SETTINGS = {
    "max_steps": 1,
    "eval_steps": 1,
    "sample_rows": 4,
    "train_batch": 4,
    "eval_batch": 4,
    "target_tokens": 24,
}


@pytest.fixture
def made(make_base, plan, workspace):
    """A trainer over eight sample rows, its labels padded with -100."""
    from training import trainer
    from training.progress import Progress

    every = data.load("sample")
    splits = {name: rows[:8] for name, rows in every.splits.items()}
    corpus = data.Corpus(every.name, splits, every.sha256)
    recipe = recipes.load("miniature", SETTINGS)
    manifest = plans.training(plans.TrainingChoice(("t5-base",), "sample", recipe))[0]
    run = runs.create(workspace, manifest)
    loaded = loading.load_base(str(make_base(std=1.0)), plan)
    material = trainer.prepare(loaded, corpus, recipe.hyperparameters, workspace.cache)
    trainer.with_lora(loaded, recipe.hyperparameters)
    return trainer.build(run, loaded, material, recipe.hyperparameters, Progress(run))[0]


def test_padded_labels_are_never_decoded(made, monkeypatch):
    batch = next(iter(made.get_eval_dataloader()))
    assert (batch["labels"] == -100).any()
    tokenizer = type(made.processing_class)
    with pytest.raises(OverflowError):
        made.processing_class.batch_decode(batch["labels"])  # what the log's metric did

    seen = []
    decode = tokenizer._decode

    def watched(self, token_ids, **rest):
        seen.extend(token_ids if isinstance(token_ids, list) else [token_ids])
        return decode(self, token_ids=token_ids, **rest)

    monkeypatch.setattr(tokenizer, "_decode", watched)
    assert 0 <= made.evaluate()["eval_rougeL"] <= 1
    assert seen and min(seen) >= 0


def test_the_head_computes_real_targets_only_and_the_loss_is_the_same(made):
    batch = next(iter(made.get_eval_dataloader()))
    labels = batch["labels"]
    assert (labels == -100).any()
    model = made.model.eval()
    plain = model(**batch).loss
    plain.backward()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.requires_grad}
    model.zero_grad()

    rows = []
    model.get_output_embeddings().register_forward_hook(
        lambda module, given, logits: rows.append(logits.shape[:-1])
    )
    loss = made.compute_loss(model, dict(batch))
    loss.backward()
    assert rows == [torch.Size([(labels != -100).sum()])]
    assert loss.item() == pytest.approx(plain.item(), rel=1e-5)
    for name, weight in model.named_parameters():
        if weight.requires_grad:
            assert torch.allclose(weight.grad, gradients[name], atol=1e-6), name


def test_a_loss_is_found_without_keeping_keys_and_values(made):
    batch = next(iter(made.get_eval_dataloader()))
    assert made.model(**batch).past_key_values is not None
    _, outputs = made.compute_loss(made.model, dict(batch), return_outputs=True)
    assert outputs.past_key_values is None


def test_a_thread_selects_its_own_positions(made):
    """Or parts of a batch that are computed side by side would take each other's."""
    from concurrent.futures import ThreadPoolExecutor

    head = made.model.get_output_embeddings()
    hidden = torch.ones(2, 3, head.in_features)
    with made._positions.of(torch.tensor([[5, -100, -100], [5, 6, -100]])), torch.no_grad():
        assert head(hidden).shape[:-1] == (3,)
        with ThreadPoolExecutor(1) as other:
            assert other.submit(head, hidden).result().shape[:-1] == (2, 3)


def test_the_validation_loss_is_the_mean_over_all_target_tokens(made):
    """Not a mean over batches, which would depend on which rows come together."""
    model, total, tokens = made.model.eval(), 0.0, 0
    batches = list(made.get_eval_dataloader())
    for batch in batches:
        real = int((batch["labels"] != -100).sum())
        with torch.no_grad():
            total += model(**batch).loss.item() * real
        tokens += real
    assert len(batches) > 1
    assert made.evaluate()["eval_loss"] == pytest.approx(total / tokens, rel=1e-5)
