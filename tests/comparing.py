"""Evaluations with their predictions in files, as a finished run leaves them."""

from socratic.scoring import corpus, stored
from socratic.scoring.evaluation import Evaluation, SystemScores
from socratic.scoring.stored import Predictions

TYPES = ("clarity", "assumptions")
CONTEXTS = [f"Opinion number {i} is that cats {i} rule the world." for i in range(12)]
REFERENCES = [f"Why do you think that cats {i} rule the world so well?" for i in range(12)]


def predictions(outputs, contexts=CONTEXTS, references=REFERENCES):
    return Predictions(
        contexts=contexts,
        types=[TYPES[i % 2] for i in range(len(contexts))],
        references=[[text] for text in references],
        firsts=references,
        outputs=outputs,
    )


def write(root, run, systems, model="flan-t5-base", rows=True, **changes):
    """Write an evaluation of `systems` ({name: (kind, texts)}) and return its path.

    rows: keep the row sums beside the predictions. given: columns of other rows than usual.
    """
    folder = root / run
    outputs = {name: texts for name, (_, texts) in systems.items()}
    given = changes.pop("given", {})
    path = folder / "predictions" / "test.parquet"
    kept = predictions(outputs, **given).write(path)
    measures = {name: kept.measures(name) for name in outputs}
    if rows:
        stored.write_rows(stored.rows_file(path), kept.sha256, measures)
    values = {
        "run": run,
        "title": run,
        "model": model,
        "family": "thesis",
        "adapter": "adapter",
        "dataset": "mine.csv",
        "dataset_sha256": "ab" * 32,
        "split": "test",
        "n": len(kept.contexts),
        "decoding": "thesis",
        "decoding_values": {"beams": 4},
        "engine": "torch",
        "created": 1000.0,
        "command": f"python -m training evaluate {run}",
        "versions": {},
        "systems": [
            SystemScores(
                name=name, kind=kind, scores=corpus.summed_up(measures[name], texts, samples=20)
            )
            for name, (kind, texts) in systems.items()
        ],
    }
    made = Evaluation(**values | changes)
    place = folder / "evaluation" / "test.json"
    made.write(place)
    (folder / "manifest.json").write_text("{}")
    return place


GOOD = REFERENCES
FAIR = [text.replace("Why do you think", "What makes you say") for text in REFERENCES]
POOR = ["Is it?"] * len(REFERENCES)
