"""BERTScore with a tiny random encoder: guards, errors, agreement with bert-score."""

import json
import shutil
import time
import warnings
from pathlib import Path

import pytest

from socratic import scoring
from socratic.errors import HubError, ScoreError
from socratic.scoring import semantic


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A tiny random BERT in a folder, without a limit on length, as deberta's tokenizer has it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import transformers
    folder = tmp_path_factory.mktemp("encoder")
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "why", "do", "you", "think", "that"]
    vocabulary += ["is", "the", "case", "?", "what"]
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    config = transformers.BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
    )
    transformers.BertModel(config).save_pretrained(folder)
    return str(folder)


@pytest.mark.slow
def test_bertscore(encoder):
    outputs = ["why do you think", "", "what is that"]
    references = [["why do you think"], ["why"], ["the case ?", "what is that"]]
    assert scoring.bertscore(outputs, references, scoring.Encoder(encoder, 2)) == pytest.approx(
        [1.0, 0.0, 1.0], abs=1e-4
    )
    score = semantic.measure(outputs, references, scoring.Encoder(encoder, 2))
    assert score.value == pytest.approx(2 / 3, abs=1e-4)
    assert score.implementation.startswith(
        f"BERTScore F1, {Path(encoder).name}, layer 2, not rescaled, no idf;"
    )
    assert scoring.bertscore(["", " "], [["why"], ["why"]], scoring.Encoder(encoder, 2)) == [
        0.0,
        0.0,
    ]
    long = "why " * 2000
    assert scoring.bertscore([long], [[long]], scoring.Encoder(encoder, 2)) == pytest.approx(
        [1.0], abs=1e-3
    )


@pytest.mark.slow
def test_bertscore_agrees_with_bert_score(encoder, tmp_path):
    import bert_score

    outputs = ["why do you think", "what is that case ?", "is it you"]
    references = [["do you think"], ["what ?", "is that the case"], ["why think"]]
    ours = scoring.bertscore(outputs, references, scoring.Encoder(encoder, 1))
    with pytest.raises(OverflowError):  # what the limit we set guards against
        bert_score.score(outputs, references, model_type=encoder, num_layers=1)
    limited = shutil.copytree(encoder, tmp_path / "limited")
    settings = json.loads((limited / "tokenizer_config.json").read_text())
    settings["model_max_length"] = 512
    (limited / "tokenizer_config.json").write_text(json.dumps(settings))
    theirs = bert_score.score(outputs, references, model_type=str(limited), num_layers=1)[2]
    assert ours == pytest.approx(theirs.tolist(), abs=1e-5)


@pytest.mark.slow
def test_bertscore_says_what_is_missing(encoder, tmp_path):
    def ask(name: str, layer: int | None, rescale: bool) -> list[float]:
        return scoring.bertscore(["why"], [["why"]], scoring.Encoder(name, layer, rescale))

    with pytest.raises(HubError, match="not on this machine"):
        ask(str(tmp_path / "absent"), 1, False)
    start = time.monotonic()
    with pytest.raises(HubError, match="'nobody/nothing' is not on this machine"):
        ask("nobody/nothing", 1, False)
    assert time.monotonic() - start < 20  # the Hub is asked once, not for a minute
    (tmp_path / "empty").mkdir()
    with pytest.raises(HubError, match="damaged or incomplete"):
        ask(str(tmp_path / "empty"), 1, False)
    with pytest.raises(ScoreError, match="no layer 9"):
        ask(encoder, 9, False)
    with pytest.raises(ScoreError, match="switch rescaling off"):
        ask(encoder, 2, True)
    with pytest.raises(ScoreError, match="give the layer"):
        ask(encoder, None, False)
    with pytest.raises(ScoreError, match="still holds"):
        scoring.bertscore(["[Question] why"], [["why"]], scoring.Encoder(encoder, 1))
