"""The model card of a published adapter: front matter, scores, recipe, limits, how to load it."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import yaml

from socratic import catalog, tables
from socratic.runs import Manifest
from socratic.scoring.evaluation import Evaluation, SystemScores
from socratic.sharing import picture
from socratic.tables import Metric

DOI = "10.18653/v1/2023.eacl-main.12"
LICENCE = "apache-2.0"
CURVES = f"![Losses and validation ROUGE-L by step]({picture.NAME})\n\n"
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


def hub_base(manifest: Manifest) -> str | None:
    """Return the Hub id of a run's base, or None for one that is not on the Hub."""
    spec = _spec(manifest)
    if spec is not None:
        return spec.source
    return manifest.base if _HUB_ID.fullmatch(manifest.base) else None


def _spec(manifest: Manifest) -> catalog.ModelSpec | None:
    # A folder of one's own may be called as a catalogue's model is: that makes it no such model.
    return None if manifest.family == "own" else catalog.find(manifest.model)


def write(
    manifest: Manifest, evaluations: Sequence[Evaluation], repo: str, curves: bool = False
) -> str:
    """Return the card (README.md) of an adapter published as `repo`.

    curves: whether their picture lies beside it.
    """
    parts = [
        f"---\n{_front_matter(manifest, evaluations)}---",
        f"# {plain(manifest.title)}: Socratic questions",
        _what_it_is(manifest),
        f"## Use\n\n{_usage(manifest, repo)}",
        f"## Scores\n\n{_scores(evaluations)}",
        f"## Training\n\n{CURVES if curves else ''}{_training(manifest)}",
        f"## Intended use, limits and bias\n\n{_limits(manifest)}",
        f"## Licence and citation\n\n{_licence()}",
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _front_matter(manifest: Manifest, evaluations: Sequence[Evaluation]) -> str:
    tags = ["peft", "lora", "t5", "question-generation", "socratic-questioning"]
    if manifest.family == "miniature":
        tags.append("miniature")
    base = hub_base(manifest)
    values: dict[str, Any] = {
        "library_name": "peft",
        **({"base_model": base} if base else {}),
        "pipeline_tag": "text2text-generation",
        "license": LICENCE,
        "language": ["en"],
        "tags": tags,
    }
    results = [result for one in evaluations for result in _results(one)]
    if results:
        values["model-index"] = [{"name": manifest.title, "results": results}]
    return str(yaml.safe_dump(values, sort_keys=False, allow_unicode=True))


def _results(one: Evaluation) -> Iterable[dict[str, Any]]:
    own = _system(one, "own")
    if own is None:
        return
    slug = re.sub(r"[^\w.-]+", "-", one.dataset) or "data"
    # The Hub takes one value a metric; which rows and how they were decoded stand in the name.
    yield {
        "task": {"type": "text2text-generation", "name": "Socratic question generation"},
        "dataset": {
            "type": slug,
            "name": f"{one.dataset} ({one.n:,} rows, {one.decoding} decoding)",
            "split": one.split,
        },
        "metrics": [
            {"type": score.metric.lower(), "name": tables.metric(score.metric).label}
            | {"value": round(score.value, 6)}
            for score in own.scores
        ],
    }


def _system(one: Evaluation, kind: str) -> SystemScores | None:
    return next((each for each in one.systems if each.kind == kind), None)


def _what_it_is(manifest: Manifest) -> str:
    spec = _spec(manifest)
    base = hub_base(manifest)
    named = f"[`{base}`](https://huggingface.co/{base})" if base else code(_base(manifest))
    lines = [
        f"A LoRA adapter for {named} that asks a Socratic question of a chosen type about an "
        "opinion."
    ]
    if manifest.family == "miniature":
        lines.insert(
            0,
            "> **A miniature model.** It has the thesis models' architecture in small and was "
            "pre-trained on generated text: for trying things out, not for use or for results.",
        )
    if spec is not None:
        lines.append(f"What the base had learnt before: {spec.pretraining}.")
    return "\n\n".join(lines)


def _base(manifest: Manifest) -> str:
    return manifest.base or manifest.model


def _usage(manifest: Manifest, repo: str) -> str:
    base = hub_base(manifest)
    # It stands in Python's quotes: a name of one's own is cut to what cannot end them.
    place = base or "path/to/" + re.sub(r"[^\w.-]+", "-", _base(manifest)).strip("-")
    bundled = _spec(manifest)
    where = "" if base else "The base is not on the Hub; give the path of your copy."
    if bundled is not None and bundled.bundled is not None:
        where = f"The base is in the project's own `assets/miniature/{bundled.key}`."
    steps = (
        "The order matters: in transformers 5 a T5 config always says that head and embedding are "
        "one, which for FLAN-T5 is wrong, so the flag is read from the tensors before anything "
        "else touches the model."
    )
    return f"{steps} {where}".strip() + f"\n\n```python\n{snippet(place, repo)}```"


def snippet(base: str, repo: str) -> str:
    """Return Python that loads base and adapter in the right order and asks one question."""
    return f'''from peft import PeftModel
from transformers import AutoTokenizer, T5ForConditionalGeneration

tokenizer = AutoTokenizer.from_pretrained("{repo}")
model = T5ForConditionalGeneration.from_pretrained("{base}")
# What the tensors are, not what the config says: a later resize would overwrite a separate head.
tied = model.lm_head.weight.data_ptr() == model.shared.weight.data_ptr()
model.config.tie_word_embeddings = tied
model = PeftModel.from_pretrained(model, "{repo}").eval()

context = "School uniforms should be required, because they make everyone equal."
text = f"Generate a Socratic question for this context: assumptions: {{context}}"
inputs = tokenizer(text, max_length=400, truncation=True, return_tensors="pt")
made = model.generate(**inputs, num_beams=4, max_new_tokens=80)
print(tokenizer.decode(made[0], skip_special_tokens=True).replace("[Question]", "").strip())
'''


def _scores(evaluations: Sequence[Evaluation]) -> str:
    if not evaluations:
        return "This adapter was published without an evaluation."
    return "\n\n".join(_score_table(one) for one in evaluations)


def _score_table(one: Evaluation) -> str:
    measured = {score.metric for system in one.systems for score in system.scores}
    shown = [metric for metric in tables.METRICS if metric.key in measured and metric.headline]
    head = ["System", *(metric.label for metric in shown)]
    rows = [[plain(system.name), *_cells(system, shown)] for system in one.systems]
    lines = [head, ["---"] * len(head), *rows]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    rows_scored = f"{one.n:,} rows of the {one.split} split of {plain(one.dataset)}"
    return (
        f"{rows_scored} (sha256 {code(one.dataset_sha256[:12])}), {plain(one.decoding)} decoding, "
        f"engine {plain(one.engine)}. {tables.INTERVALS}\n\n{table}\n\n"
        f"Computed as: {plain(_implementations(one, shown))}.\n\n"
        "Floors need no model at all; a score near them says little."
    )


def _cells(system: SystemScores, shown: Sequence[Metric]) -> list[str]:
    known = {score.metric: score for score in system.scores}
    cells = []
    for metric in shown:
        score = known.get(metric.key)
        text = tables.ABSENT if score is None else f"{score.value:.{3 - metric.coarse}f}"
        if score is not None and score.low is not None and score.high is not None:
            text += f" [{score.low:.{3 - metric.coarse}f}, {score.high:.{3 - metric.coarse}f}]"
        cells.append(text)
    return cells


def _implementations(one: Evaluation, shown: Sequence[Metric]) -> str:
    keys = [metric.key for metric in shown]
    said = [s.implementation for system in one.systems for s in system.scores if s.metric in keys]
    return "; ".join(dict.fromkeys(text.partition(";")[0] for text in said))


def _training(manifest: Manifest) -> str:
    data = manifest.data
    counts = ", ".join(f"{count:,} {split}" for split, count in data.counts.items()) or "unknown"
    lines = [
        f"Data: {plain(data.name or 'unknown')} (rows: {counts}; sha256 {code(data.sha256[:12])}).",
        *(plain(note) for note in data.notes),
        f"Recipe: {plain(manifest.recipe or 'unknown')}.",
    ]
    settings = manifest.hyperparameters.model_dump().items() if manifest.recipe else ()
    table = "".join(f"| {key} | {value} |\n" for key, value in settings)
    versions = ", ".join(f"{name} {number}" for name, number in manifest.versions.items())
    tail = [
        f"Machine: {plain(manifest.device[0])}." if manifest.device else "",
        f"Versions: {plain(versions)}." if versions else "",
        f"Made again by {code(manifest.command)}." if manifest.command else "",
        "`manifest.json` repeats the run, `metrics.jsonl` holds its curves, `evaluation/` every "
        "score.",
    ]
    middle = f"| hyperparameter | value |\n| --- | --- |\n{table}" if table else ""
    return "\n\n".join(part for part in ("\n".join(lines), middle, *tail) if part)


def _limits(manifest: Manifest) -> str:
    source = (
        "The sample data it was trained on is generated text; it has a few topics and patterns "
        "and none of the variety of real opinions."
        if manifest.family == "miniature" and manifest.data.source == "sample"
        else "The SocratiQ and MTurk questions this project trains on were written about posts of "
        "Reddit's r/ChangeMyView: opinions of mostly young, male, English-speaking, North "
        "American writers who chose to argue in public. Topics, tone and blind spots of that "
        "forum carry over (the description is what surveys say of Reddit's users)."
    )
    return "\n".join(
        (
            "- Meant for research on question generation, and for practising critical thinking "
            "with a person at hand; not for giving advice, grading people or moderating speech.",
            f"- {source}",
            "- Question types of SocratiQ are a classifier's labels, and very uneven: "
            "assumptions are 0.9 % of its training rows.",
            "- Questions may be off topic, leading, offensive, or repeat what the context says; "
            "nothing filters them. English only; contexts beyond 400 tokens are cut.",
        )
    )


def _licence() -> str:
    return (
        "The adapter is under Apache-2.0. The base model has its own licence; SocratiQ's "
        "repository states none, and none of its rows is in here.\n\n"
        "Data and task: Ang, Gollapalli and Ng (2023), *Socratic Question Generation: A Novel "
        f"Dataset, Models, and Evaluation*, EACL 2023, [doi {DOI}](https://doi.org/{DOI})."
    )


def plain(text: str) -> str:
    """Return a text that stays text in Markdown: one line, no HTML, links or table cells."""
    one_line = " ".join(text.split())
    return re.sub(r"([\\`|\[\]])", r"\\\1", one_line.replace("&", "&amp;").replace("<", "&lt;"))


def code(text: str) -> str:
    """Return a text as code in Markdown, which it cannot leave: one line, no backticks."""
    return f"`{' '.join(text.replace('`', '').split())}`"
