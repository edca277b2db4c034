"""The line under each own number: the same value, again, from the stored predictions."""

import json
import shlex

import pytest
from comparing import FAIR, GOOD, POOR, write
from typer.testing import CliRunner

from socratic import catalog, results
from socratic.__main__ import app
from socratic.errors import RunError
from socratic.score_command import recomputed
from socratic.scoring.evaluation import Evaluation
from socratic.workspace import Workspace


def run(line, workspace):
    words = shlex.split(line)
    assert words[:3] == ["python", "-m", "socratic"]
    return CliRunner().invoke(app, [*words[3:], "--json", "--workspace", str(workspace.root)])


def test_every_reproduce_line_gives_its_number(workspace):
    path = write(workspace.runs, "a run", {"It's A": ("own", FAIR), "B": ("zero_shot", POOR)})
    found, _ = results.load([path.parent.parent])
    own = [r for r in results.records(found) if r.kind in ("own", "zero_shot")]
    assert len({r.metric for r in own}) == 16
    for record in own[::3]:
        done = run(record.reproduce, workspace)
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["value"] == pytest.approx(record.value, abs=1e-9)


def test_every_bundled_number_comes_again():
    for folder in sorted((catalog.MINIATURE / "runs").iterdir())[:1]:
        evaluation = Evaluation.read(folder / "evaluation" / "test.json")
        own = evaluation.systems[0]
        place = Workspace.open(None)
        for metric in ("rougeL", "bleu4", "distinct2", "fidelity"):
            (kept,) = [score for score in own.scores if score.metric == metric]
            again = recomputed(evaluation, own.name, metric, place)
            assert again.value == pytest.approx(kept.value, abs=1e-9)
            assert again.implementation.partition(";")[0] == kept.implementation.partition(";")[0]


def test_what_was_not_kept_cannot_come_again(workspace):
    path = write(workspace.runs, "r", {"A": ("own", GOOD)})
    evaluation = Evaluation.read(path)
    with pytest.raises(RunError, match="no predictions of 'B' here; there are of A"):
        recomputed(evaluation, "B", "rougeL", workspace)
    with pytest.raises(RunError, match="measured no 'rouge9'"):
        recomputed(evaluation, "A", "rouge9", workspace)
    evaluation.predictions.unlink()
    with pytest.raises(RunError, match=r"test\.parquet.* cannot be read"):
        recomputed(evaluation, "A", "rougeL", workspace)
    # A number without predictions has no line that could not be run.
    found, _ = results.load([path.parent.parent])
    assert {r.reproduce for r in results.records(found)} == {""}
