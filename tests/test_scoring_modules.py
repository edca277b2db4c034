"""The local `evaluate` modules load from disk without a network and agree with our scores."""

import json
import os
import subprocess
import sys

import pytest

from socratic import catalog, scoring, tables
from socratic.errors import ScoreError
from socratic.scoring import modules

METRICS = catalog.ASSETS / "metrics"
OUTPUTS = ["Why do you think that it is so?", "What if it is not?", "Who says that it is so?"]
REFERENCES = [["Why is it so?", "Why think so?"], ["What if not?"], ["Who says that?"]]
NAMES = sorted(path.name for path in METRICS.iterdir() if path.is_dir())

# A proxy where nobody answers: what asks the network fails at once.
SCRIPT = """
import json, sys, evaluate
folder = sys.argv[1]
outputs, references = json.loads(sys.stdin.read())
first = [group[0] for group in references]
found = {}
for name in ("rouge", "bleu", "sacrebleu"):
    metric = evaluate.load(folder + "/" + name)
    found |= metric.compute(predictions=outputs, references=references)
    metric.compute(predictions=outputs, references=first)
found |= evaluate.load(folder + "/diversity").compute(predictions=outputs)
print(json.dumps(found))
try:
    metric = evaluate.load(folder + "/bertscore")
    metric.compute(predictions=outputs, references=first, encoder="/absent", layer=1)
except Exception as error:
    print(error)
"""


def expected() -> dict[str, float]:
    scores = scoring.score_outputs(OUTPUTS, REFERENCES, OUTPUTS, samples=2)
    return {score.metric: score.value for score in scores}


def test_every_module_computes_metrics_of_the_catalogue():
    assert NAMES == ["bertscore", "bleu", "diversity", "rouge", "sacrebleu"]
    ours = expected()
    found = {
        **modules.rouge(OUTPUTS, REFERENCES),
        **modules.bleu(OUTPUTS, REFERENCES),
        **modules.sacrebleu(OUTPUTS, REFERENCES),
        **modules.diversity(OUTPUTS),
    }
    assert found.pop("signature").startswith("nrefs:var|case:mixed|eff:no|tok:13a|smooth:exp|")
    assert set(found) <= {metric.key for metric in tables.METRICS}
    assert found == {key: pytest.approx(ours[key]) for key in found}
    assert len(found) == 13


def test_one_reference_needs_no_list():
    first = [group[0] for group in REFERENCES]
    assert modules.rouge(OUTPUTS, first) == modules.rouge(OUTPUTS, [[text] for text in first])


@pytest.mark.parametrize("compute", [modules.rouge, modules.bleu, modules.sacrebleu])
def test_the_guard_stands_before_every_module(compute):
    with pytest.raises(ScoreError, match="still holds"):
        compute(["[Question] Why?"], ["Why?"])
    with pytest.raises(ScoreError, match="still holds"):
        compute(["Why?"], ["[Question] Why?"])
    with pytest.raises(ScoreError, match="still holds"):
        modules.diversity(["[Question] Why?"])


@pytest.mark.slow
def test_evaluate_loads_them_from_disk_offline(tmp_path):
    dead = "http://127.0.0.1:9"
    environment = os.environ | {
        "HF_HOME": str(tmp_path),
        "HTTP_PROXY": dead,
        "HTTPS_PROXY": dead,
        "PYTHONPATH": str(catalog.ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(METRICS)],
        input=json.dumps([OUTPUTS, REFERENCES]),
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    values, sentence = done.stdout.splitlines()[-2:]
    ours = expected()
    found = json.loads(values)
    assert found.pop("signature")
    assert found == {key: pytest.approx(ours[key]) for key in found}
    assert len(found) == 13
    assert "The BERTScore encoder '/absent' is not on this machine" in sentence
