"""The miniature family: its corpus, its tokenizer and the files that are shipped."""

import json
import random
import shutil
import subprocess
import sys
import time
from collections import Counter

import pytest
import torch
from safetensors import safe_open

from socratic import catalog
from socratic.prompts import MARKER, TYPE_KEYS, input_text
from training.miniature import (
    bases,
    checking,
    corpus,
    grammar,
    plain,
    pretrain,
    quality,
    questions,
    reading,
    tables,
    tokenizer,
    unigram,
)
from training.miniature.opinions import Composer, Opinion, plain_tail

MINIS = catalog.family("miniature")
KEYS = [spec.key for spec in MINIS]


@pytest.fixture(scope="module")
def rows():
    return corpus.sample()


def test_topics_cover_many_fields_of_life():
    topics = tables.topics()
    assert len({topic.name for topic in topics}) == len(topics) >= 200
    assert len({topic.field for topic in topics}) >= 15
    assert all(" should " in text for topic in topics for text in topic.should)


def test_every_type_has_forty_endings_and_more_that_are_held_out():
    table = tables.wording()
    for key in TYPE_KEYS:
        known, unseen = table[key]["endings"], table["held_out"][key]
        assert len(set(known)) == len(known) >= 40 and len(set(unseen)) == len(unseen) >= 8
        assert not set(known) & set(unseen)
        assert all(text.endswith("?") for text in known + unseen)
    every = [text for key in TYPE_KEYS for text in table[key]["endings"]]
    assert len(set(every)) == len(every)
    names = corpus.pattern_names()
    assert len(names) == len(set(names.values())) > len(every)


def test_splits_share_no_topic_and_no_context(rows):
    for field in ("topic", "context"):
        seen = [{row[field] for row in rows[name]} for name in corpus.SPLITS]
        assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])
    assert {name: len(split) for name, split in rows.items()} == corpus.SPLITS


def test_types_are_even_and_held_out_patterns_stay_in_test(rows):
    for split in rows.values():
        counts = Counter(row["type"] for row in split)
        assert min(counts.values()) > 0.8 * max(counts.values())
    assert all(row["pattern"].startswith("seen") for row in rows["train"] + rows["validation"])
    unseen = [row for row in rows["test"] if row["pattern"].startswith("unseen")]
    assert 0.1 < len(unseen) / len(rows["test"]) < 0.3


def test_every_question_is_one_question_about_its_context(rows):
    for split in rows.values():
        for row in split:
            assert reading.is_one_question(row["question"]), row["question"]
            assert reading.takes_up(row["question"], row["context"]) or len(
                reading.copied(row["question"], row["context"])
            ), row
            assert (
                row["context"].count(".") + row["context"].count("!") + row["context"].count("?")
                >= 1
            )


def test_the_seed_decides_everything(rows):
    assert corpus.sample() == rows
    assert corpus.sample(seed=7) != rows
    more = corpus.sample(counts={"train": len(rows["train"]), "validation": 300})
    assert more["train"] == rows["train"] and "test" not in more
    assert len(more["validation"]) == 300 and more["validation"][:250] == rows["validation"]
    assert plain.Writer(3).dialogue() == plain.Writer(3).dialogue()


def test_pretraining_never_shows_the_prompt_or_a_held_out_topic():
    writer = plain.Writer(1)
    held_out = {
        claim
        for name in ("validation", "test")
        for topic in corpus.split_topics()[name]
        for claim in topic.claims
    }
    for _ in range(400):
        task, (story, question) = writer.instruction(), writer.dialogue()
        text = " ".join((task.source, task.target, story, question))
        assert "Generate a Socratic question" not in text
        assert not any(claim in text for claim in held_out)


@pytest.mark.parametrize(
    ("span", "said"),
    [
        ("my car is old", "your car is old"),
        ("I am tired", "you are tired"),
        ("I was late", "you were late"),
        ("people like me", "people like you"),
        ("it was late", "it was late"),
        ("I’m sure", "you're sure"),
    ],
)
def test_a_span_is_turned_to_its_author(span, said):
    assert questions.second_person(span) == said


def _asked(claim, key="clarity", **more):
    return questions.ask(Opinion(f"{claim}, they say", "", {"claim": claim, **more}), key)


def test_the_first_word_of_a_span_decides_the_opening_and_its_last_the_ending():
    def parts(claim):
        opening, ending = _asked(claim)[1].split("{x}; ")
        return opening, ending

    opening, ending = parts("dogs may bark at them")
    assert parts("dogs run with them") == (opening, ending)
    firsts = ("dogs", "cats", "cows", "pigs", "hens", "bees")
    assert {parts(f"{word} bark at them")[1] for word in firsts} == {ending}
    assert len({parts(f"{word} bark at them")[0] for word in firsts}) > 1
    lasts = ("you", "me", "cars", "noon", "home", "us")
    assert {parts(f"dogs bark at {word}")[0] for word in lasts} == {opening}
    assert len({parts(f"dogs bark at {word}")[1] for word in lasts}) > 3


def test_a_span_is_followed_by_the_same_word_whatever_the_type():
    table = tables.wording()
    firsts = [[text.split()[0].strip(",") for text in table[key]["endings"]] for key in TYPE_KEYS]
    assert all(words == firsts[0] for words in firsts) and len(set(firsts[0])) == len(firsts[0])
    nexts = {_asked("dogs may bark at them", key)[0].split("; ")[1].split()[0] for key in TYPE_KEYS}
    assert len(nexts) == 1


def test_a_notion_is_taken_up_when_it_is_said_last():
    def ask(text):
        return questions.ask(Opinion(text, "", {"claim": "dogs bark", "term": "noise"}), "clarity")

    assert "; " in ask("Dogs bark. That is noise.")[0]
    assert "noise;" in ask("Dogs bark. That is noise.")[0]
    assert "dogs bark;" in ask("It is noise when dogs bark.")[0]


def test_what_an_author_does_not_believe_is_never_put_to_them_as_their_belief():
    rng = random.Random(0)
    composer = Composer(rng, plain_tail(rng))
    made = [composer.compose(rng.choice(tables.topics())) for _ in range(600)]
    denials = [opinion for opinion in made if "denied" in opinion.spans]
    assert 30 < len(denials) < 100
    for opinion in denials:
        for key in TYPE_KEYS:
            question, pattern = questions.ask(opinion, key)
            claim = questions.second_person(opinion.spans["denied"])
            if claim in question:
                assert pattern.split("{x}")[0] + "{x};" in tables.wording()[key]["denied"]
        assert "effect" not in opinion.spans  # what would follow from it is not said
    assert any("You do not think that" in questions.ask(o, "clarity")[0] for o in denials)


def test_wordings_are_spread_evenly():
    rng = random.Random(0)
    composer = Composer(rng, plain_tail(rng))
    counts = Counter(
        questions.ask(composer.compose(rng.choice(tables.topics())), "clarity")[1]
        for _ in range(4000)
    )
    assert counts.most_common(1)[0][1] < 0.05 * 4000


def test_a_text_of_few_words_still_says_different_things(monkeypatch):
    monkeypatch.setattr(grammar, "_MONOTONOUS", 1.0)
    topics = tables.topics()
    for seed in range(40):
        made = grammar.Grammar(random.Random(seed), topics).material()
        said = (*made.claims, *made.why, *made.so, *made.but)
        assert len(set(said)) == len(said) == 8 and len(set(made.should)) == 2
    few = grammar.Grammar(random.Random(1), topics)
    few.material()
    assert len(few.words.verbs) == 3 and len(few.all.verbs) > 100


def test_unigram_keeps_frequent_words_and_falls_back_to_characters():
    pieces = dict(unigram.learn(["because of the reasons because of the reason"] * 9, 60, "xyz"))
    assert "▁because" in pieces
    assert "".join(unigram.segment("▁xyz", pieces)[0]) == "▁xyz"


@pytest.mark.parametrize("key", KEYS)
def test_tokenizer_round_trips_english(key):
    loaded = tokenizer.load(catalog.MINIATURE / key)
    rows = catalog.spec(key).shape.rows
    assert [loaded.convert_tokens_to_ids(piece) for piece in ("<pad>", "</s>", "<unk>")] == [
        0,
        1,
        2,
    ]
    assert len(loaded) <= rows
    for text in (
        'The Patriot Act (2001) isn\'t "fair"; 42% of us say so - why?',
        "Xylophonists & QUIZ-makers, café owners… “quoted” text’s end: a/b_c @d #e $5!",
        input_text("reasons_evidence", "I think that it's true."),
    ):
        ids = loaded(text).input_ids
        assert max(ids) < rows and ids[-1] == 1 and 2 not in ids
        assert loaded.decode(ids, skip_special_tokens=True) == text
    assert loaded.tokenize(f"{MARKER} Why?")[0] == MARKER
    assert "▁because" in loaded.get_vocab()


@pytest.mark.parametrize("key", KEYS)
def test_shipped_weights_are_small_and_keep_their_head(key):
    folder, shape = catalog.MINIATURE / key, catalog.spec(key).shape
    path = folder / "model.safetensors"
    assert path.stat().st_size < 10_000_000
    assert json.loads((folder / "config.json").read_text())["tie_word_embeddings"] is shape.tied
    with safe_open(path, framework="numpy") as file:
        assert ("lm_head.weight" not in set(file.keys())) is shape.tied
    assert path.stat().st_size > 2 * shape.parameters


def test_the_base_is_clearly_larger_than_the_small_one():
    small, base = (catalog.spec(f"mini-flan-{size}").shape.parameters for size in ("small", "base"))
    assert base > 1.5 * small


@pytest.mark.slow
def test_shipped_files_come_from_the_recipe():
    wrong = [fact for fact in checking.files() if not fact.holds]
    assert not wrong


# The build's own stage with a toy plan, and a checkpoint after every step.
TOY_BUILD = """
import sys
from pathlib import Path
from training.miniature import build, pretrain
pretrain._CHECKPOINT_SECONDS = 0.0
pretrain._POOL = 64
build.PLANS["mini-flan-small"] = pretrain.Plan(copy_steps=12, text_steps=30, copy_batch=8, tokens=512)
home, out = map(Path, sys.argv[1:])
build.Build(home, out, 42).run(["bases"], ["mini-flan-small"])
"""


def _toy_build(folder):
    home = folder / "home"
    if not home.exists():
        tokens = home / "seed-42" / "tokenizer"
        tokens.mkdir(parents=True)
        for name in bases.TOKENIZER_FILES:
            shutil.copyfile(catalog.MINIATURE / "mini-flan-small" / name, tokens / name)
        (tokens / "done").touch()
    command = [sys.executable, "-c", TOY_BUILD, str(home), str(folder / "out")]
    with (folder / "log").open("a") as log:
        return subprocess.Popen(command, stderr=log)


def _toy_state(folder):
    path = folder / "home" / "seed-42" / "bases" / "mini-flan-small.pt"
    if not path.is_file():
        return 0, 0
    state = json.loads(torch.load(path, weights_only=True)["state"])
    return state["copy_done"], state["text_done"]


@pytest.mark.slow
def test_a_build_killed_in_each_phase_gives_the_weights_of_one_never_killed(tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    assert _toy_build(whole).wait(120) == 0
    for reached in ((3, 0), (12, 5)):
        process = _toy_build(broken)
        while _toy_state(broken) < reached:
            assert process.poll() is None, (broken / "log").read_text()
            time.sleep(0.02)
        process.kill()
        process.wait()
        assert _toy_state(broken) < (12, 30)
    assert _toy_build(broken).wait(120) == 0, (broken / "log").read_text()
    made = [
        (folder / "out" / "miniature" / "mini-flan-small" / "model.safetensors").read_bytes()
        for folder in (whole, broken)
    ]
    assert made[0] == made[1]


def test_pieces_that_were_never_written_get_rows_of_their_own_again():
    model = pretrain.create(catalog.spec("mini-flan-small"), 0)
    head, pushed = model.lm_head.weight.data, torch.randn(128) * 5
    before = head[50].clone()
    head[20:40] = pushed + torch.randn(20, 128) * 0.01
    assert pretrain.set_back(model, 25) == 20
    apart = head[20:40] - pushed
    assert torch.allclose(apart, model.shared.weight[20:40] * 128**-0.5, atol=0.02)
    assert torch.equal(head[50], before)
    tied = pretrain.create(catalog.spec("mini-t5-base"), 0)
    assert pretrain.set_back(tied, 25) == 0


def test_scores_are_held_to_the_recorded_ones_within_noise(monkeypatch):
    known = {"ROUGE-L": 0.5, quality.WORDS: 6.0}
    monkeypatch.setattr(checking, "_recipe", lambda: {"m scores": known})

    def holds(**changed):
        values = known | changed
        return checking.scores([quality.Table("m", quality.BUNDLED, 250, values)])[0].holds

    assert holds() and holds(**{"ROUGE-L": 0.54}) and holds(**{quality.WORDS: 7.0})
    assert not holds(**{"ROUGE-L": 0.4})
    assert not holds(**{"a new figure": 0.5})
    assert not checking.scores([quality.Table("n", quality.BUNDLED, 250, known)])[0].holds
    assert not checking.scores([quality.Table("m", "elsewhere", 250, known)])


def test_recognising_copies():
    context = "I think my old car pollutes the city, because nobody checks it."
    asked = "How do you know that your old car pollutes the city?"
    assert reading.copied(asked, context) == ["your", "old", "car", "pollutes", "the", "city"]
    assert reading.mask(asked, reading.copied(asked, context)) == "how do you know that X"
    assert reading.takes_up(asked, context)
    assert not reading.takes_up("Why do you think that is the case?", context)
    assert not reading.is_one_question("Why? Because.")
    assert not reading.is_one_question("why not?")
