"""Blind ratings: rounds, the balanced order, what is kept, what a rater may do."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path

import pytest
from conftest import ROOT

from socratic import data
from socratic.errors import RatingError, UsageError, WorkspaceError
from socratic.rating import desk, making, order
from socratic.rating.desk import Desk
from socratic.rating.making import Plan
from socratic.rating.rounds import Candidate, Item, Rated, Round, item_of, pick
from socratic.rating.store import Store, new_rating
from socratic.workspace import Workspace

HOSTILE = "<script>alert(1)</script>'; DROP TABLE ratings; --"
SYSTEMS = ("small", "base", "t5")


def make_round(items=10, systems=SYSTEMS, merged=(), seed=7):
    """A round of `items`; in those of `merged` the first two systems ask the same."""
    made = []
    for number in range(items):
        texts = {key: f"Why {number} {key}?" for key in systems}
        if number in merged:
            texts[systems[1]] = texts[systems[0]]
        row = data.Row(f"Opinion {number}.", "", ("clarity", "assumptions")[number % 2])
        made.append(item_of(row, texts))
    rated = tuple(Rated(key=key, title=f"Title of {key}") for key in systems)
    return Round(
        data="sample", sha256="0" * 64, split="test", seed=seed, decoding="thesis",
        made="made by a test", created=1.0, systems=rated, items=tuple(made),
    )  # fmt: skip


def filled(sheet, choice="A", **changes):
    """A form filled in, as the page sends it."""
    marks = [{"fluency": 4, "relevance": 3, "answered": False} for _ in sheet.questions]
    return {"marks": marks, "choice": choice, "note": "", **changes}


@pytest.fixture
def store(workspace):
    return Store(workspace)


@pytest.fixture
def seated(store):
    """A function that seats a rater at a kept round."""
    round_ = make_round()
    store.keep(round_)
    return lambda rater="AB": Desk(store, round_, rater)


# Rounds


def test_rows_are_picked_by_seed_and_types_equally_often():
    rows = data.load("sample").split("test")
    picked = pick(rows, 50, seed=3)
    assert picked == pick(list(reversed(rows)), 50, seed=3)
    assert picked != pick(rows, 50, seed=4)
    assert set(Counter(row.type for row in picked).values()) == {10}
    assert len({(row.context, row.type) for row in picked}) == 50


@pytest.mark.parametrize("count", [0, -1, 10_000])
def test_a_number_of_items_that_cannot_be_picked_is_told(count):
    with pytest.raises(UsageError, match=f"{count} items cannot be picked"):
        pick(data.load("sample").split("test"), count, seed=1)


def test_identical_questions_are_one_candidate():
    item = make_round(merged=(0,)).items[0]
    assert [one.systems for one in item.candidates] == [("small", "base"), ("t5",)]


def test_equal_rounds_have_one_name_made_anywhere():
    assert make_round().id == make_round().model_copy(update={"created": 9.0}).id
    assert make_round().id != make_round(seed=8).id


def test_a_round_of_stored_predictions_is_made_at_once(workspace):
    told = []
    plan = Plan("sample", "test", SYSTEMS_OF_SAMPLE, 12, 5)
    made = making.make(plan, workspace, lambda *words: told.append(words))
    assert made.made == "questions taken from stored evaluations"
    assert len(made.items) == 12
    assert Store(workspace).round(made.id) == made
    assert len(told) == len(SYSTEMS_OF_SAMPLE)


SYSTEMS_OF_SAMPLE = ("mini-flan-small", "mini-t5-base", "mini-flan-small:base")


def test_what_is_not_stored_is_generated(workspace):
    plan = Plan("sample", "validation", SYSTEMS_OF_SAMPLE[:2], 2, 5)
    made = making.make(plan, workspace, lambda *_: None)
    assert made.made == "questions generated when the round was made"
    assert all(one.text for item in made.items for one in item.candidates)


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        (Plan("sample", "test", ("mini-t5-base",), 5), "1 models are chosen"),
        (Plan("sample", "test", ("mini-t5-base",) * 2, 5), "All models chosen are one"),
        (Plan("sample", "nowhere", SYSTEMS_OF_SAMPLE, 5), "has no nowhere split"),
        (Plan("sample", "test", SYSTEMS_OF_SAMPLE, 5, decoding="odd"), "no decoding 'odd'"),
    ],
)
def test_a_round_that_cannot_be_is_told_before_anything_starts(workspace, plan, sentence):
    with pytest.raises(Exception, match=sentence):
        making.start(plan, workspace)
    assert making.under_way(workspace) == []


@pytest.mark.slow
def test_a_round_is_made_by_a_process_of_its_own_that_tells_how_it_ended(workspace):
    making.start(Plan("sample", "test", SYSTEMS_OF_SAMPLE, 6, 5), workspace)
    deadline = threading.Event()
    while making.under_way(workspace)[0].status.state in ("queued", "running"):
        deadline.wait(0.2)
    (one,) = making.under_way(workspace)
    assert one.status.state == "finished", one.status.message
    assert [made.id for made in Store(workspace).rounds()] == [one.status.message]
    making.forget(workspace)
    assert making.under_way(workspace) == []


# The blind order


def seats(round_, rater):
    """How often each system stood at each place."""
    counted = Counter()
    for item, seated in zip(round_.items, order.orders(round_, rater), strict=True):
        for place, candidate in enumerate(seated):
            counted.update((system, place) for system in item.candidates[candidate].systems)
    return counted


@pytest.mark.parametrize("systems", [2, 3, 4, 6])
@pytest.mark.parametrize("items", [1, 2, 7, 10, 30, 101])
def test_each_model_is_at_each_place_equally_often_within_one(systems, items):
    names = tuple(f"m{i}" for i in range(systems))
    round_ = make_round(items, names)
    for rater in ("AB", "CD", "é"):
        counted = seats(round_, rater)
        for name in names:
            places = [counted[name, place] for place in range(systems)]
            assert max(places) - min(places) <= 1


def test_merged_questions_leave_the_others_balanced_and_are_balanced_on_their_own():
    round_ = make_round(40, merged=range(0, 40, 3))
    counted = Counter()
    for item, seated in zip(round_.items, order.orders(round_, "AB"), strict=True):
        for place, one in enumerate(seated):
            counted.update((s, place, len(seated)) for s in item.candidates[one].systems)
    for system in SYSTEMS:
        for size in (2, 3):
            places = [counted[system, place, size] for place in range(size)]
            assert max(places) - min(places) <= 1


def test_many_patterns_of_merging_are_evened_out_as_far_as_they_can_be():
    chance = random.Random(1)
    patterns = [
        ((("a", "b"), ("c",)), (("a", "c"), ("b",)), (("b", "c"), ("a",)))[chance.randrange(3)]
        for _ in range(60)
    ]
    drawn = order._orders(tuple(patterns), "seed")
    counted = Counter(
        (system, place)
        for pattern, seated in zip(patterns, drawn, strict=True)
        for place, one in enumerate(seated)
        for system in pattern[one]
    )
    assert all(abs(counted[system, 0] - counted[system, 1]) <= 2 for system in "abc")


def test_the_order_is_the_same_after_a_restart_and_differs_between_raters_and_seeds():
    first = order.orders(make_round(30), "AB")
    order._orders.cache_clear()
    assert order.orders(make_round(30), "ab") == first
    assert order.orders(make_round(30), "CD") != first
    assert order.orders(make_round(30, seed=8), "AB") != first


def test_a_sheet_holds_no_name_and_the_round_s_order_does_not_show():
    round_ = make_round(30)
    sheets = [order.sheet(round_, item, "AB") for item in range(30)]
    for sheet in sheets:
        assert "Title of" not in repr(sheet)
    first = [
        next(k for k in SYSTEMS if k in sheet.questions[0].split("?")[0].split())
        for sheet in sheets
    ]
    assert set(Counter(first).values()) == {10}


# What a rater may do


def test_a_rating_is_kept_by_candidate_whatever_the_order_shown(seated, store):
    at = seated()
    for item in range(3):
        sheet = at.sheet(item)
        marks = [
            {
                "fluency": 1 + SYSTEMS.index(text.split()[2].rstrip("?")),
                "relevance": 1,
                "answered": True,
            }
            for text in sheet.questions
        ]
        favourite = next(i for i, text in enumerate(sheet.questions) if "t5" in text)
        at.submit(item, {"marks": marks, "choice": "ABC"[favourite], "note": HOSTILE})
    for rating in store.ratings(at.round.id):
        assert [mark.fluency for mark in rating.marks] == [1, 2, 3]
        assert rating.choice == 2
        assert rating.note == HOSTILE
    assert seated().progress().rated == 3
    assert seated().next() == 3


def test_names_are_told_of_rated_items_alone(seated):
    at = seated()
    with pytest.raises(RatingError, match="is not rated"):
        at.revealed(0)
    at = seated()
    at.submit(0, filled(at.sheet(0)))
    at.skip(1)
    shown = seated().revealed(0)
    for text, (system,) in zip(shown.sheet.questions, shown.systems, strict=True):
        assert system.key in text
    with pytest.raises(RatingError, match="is not rated"):
        seated().revealed(1)


def test_a_rating_cannot_be_changed_only_withdrawn_for_good(seated, store):
    at = seated()
    at.submit(0, filled(at.sheet(0), note="first"))
    for again in (lambda: at.submit(0, filled(at.sheet(0), note="second")), lambda: at.skip(0)):
        with pytest.raises(RatingError, match="already been rated by AB"):
            again()
    assert store.ratings(at.round.id)[0].note == "first"
    at.withdraw(0)
    (left,) = store.ratings(at.round.id)
    assert (left.state, left.marks, left.choice, left.note) == ("withdrawn", (), None, "")
    with pytest.raises(RatingError, match="already been rated"):
        at.submit(0, filled(at.sheet(0)))
    with pytest.raises(RatingError, match="no rating of item 1 to withdraw"):
        at.withdraw(0)
    assert seated().next() == 1


def test_one_cannot_withdraw_what_another_has_rated(seated, store):
    at = seated("AB")
    at.submit(0, filled(at.sheet(0)))
    with pytest.raises(RatingError, match="CD has no rating"):
        seated("CD").withdraw(0)
    assert store.ratings(at.round.id)[0].state == "rated"


def test_what_was_skipped_can_be_rated_later(seated):
    at = seated()
    at.skip(0)
    assert seated().next() == 1
    assert seated().next(skipped=True) == 0
    at.submit(0, filled(at.sheet(0)))
    assert seated().progress().skipped == 0


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"marks": []}, "has 3 questions; rate each"),
        ({"marks": None}, "has 3 questions; rate each"),
        ({"marks": [{}, {}, {}]}, "Question A lacks fluency, relevance, answered"),
        ({"marks": ["x", 1, None]}, "Question A is not rated"),
        ({"marks": [{"fluency": 9, "relevance": 1, "answered": True}] * 3}, "fluency is 9"),
        ({"choice": "D"}, "choose A, B, C or none"),
        ({"choice": None}, "choose A, B, C or none"),
        ({"note": "x" * 2001}, "note is"),
    ],
)
def test_a_form_that_is_not_one_is_told_and_leaves_nothing(seated, store, changes, sentence):
    at = seated()
    with pytest.raises(RatingError, match=sentence):
        at.submit(0, filled(at.sheet(0), **changes))
    assert store.ratings(at.round.id) == []


@pytest.mark.parametrize("item", [-1, 10, 10**9])
def test_an_item_the_round_lacks_is_refused(seated, item):
    with pytest.raises(RatingError, match="There is no item"):
        seated().submit(item, filled(seated().sheet(0)))


@pytest.mark.parametrize("typed", ["", "  ", "\u200b\x00", None])
def test_no_name_is_told(typed):
    with pytest.raises(UsageError, match="No name is given"):
        desk.rater_name(typed)


def test_names_are_cleaned_and_visitors_of_a_public_page_told_apart():
    assert desk.rater_name("  A\x00 B ") == "A B"
    assert desk.rater_name("AB", "one") != desk.rater_name("AB", "two")
    assert "one" not in desk.rater_name("AB", "one")
    # What stands beside the results can be tried without asking the page: not all of it in a life.
    assert len(desk.rater_name("AB", "one").partition("#")[2]) >= 16
    with pytest.raises(UsageError, match="41 characters"):
        desk.rater_name("x" * 41)


# The file


def test_two_tabs_and_many_raters_at_once_each_item_counts_once(store):
    round_ = make_round(4)
    store.keep(round_)
    refused = []

    def rate(rater):
        at = Desk(store, round_, rater)
        for item in range(4):
            try:
                at.submit(item, filled(at.sheet(item)))
            except RatingError:
                refused.append(item)

    threads = [threading.Thread(target=rate, args=(name,)) for name in ("AB", "ab", "CD", "EF")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.ratings(round_.id)) == 12
    assert len(refused) == 4


def test_a_locked_file_is_told_and_rating_goes_on_afterwards(workspace):
    round_ = make_round()
    store = Store(workspace, busy_seconds=0.05)
    store.keep(round_)
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    at = Desk(store, round_, "AB")
    with pytest.raises(WorkspaceError, match=r"in use by another program .* try again"):
        store.submit(round_.id, new_rating(0, "AB", "skipped"))
    other.execute("ROLLBACK")
    other.close()
    at.submit(0, filled(at.sheet(0)))
    assert len(store.ratings(round_.id)) == 1


def test_a_damaged_file_is_told_with_what_to_do(workspace, store):
    store.path.parent.mkdir(parents=True)
    store.path.write_bytes(b"no database at all" * 100)
    for use in (store.rounds, lambda: store.keep(make_round())):
        with pytest.raises(WorkspaceError, match=r"are damaged .* move the file away"):
            use()


def as_nobody(use):
    """Run `use` in a child that has no rights to what is root's, and return what it says."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setuid(65534)
            said = use()
        except BaseException as error:
            said = repr(error)
        os.write(writing, said.encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as pipe:
        return pipe.read()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try it as somebody else")
def test_a_read_only_file_is_told_and_still_read():
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Workspace(Path(folder)))
        round_ = make_round()
        store.keep(round_)
        for path in (Path(folder), store.path.parent):
            path.chmod(0o755)
        store.path.chmod(0o444)

        def submit():
            try:
                store.submit(round_.id, new_rating(0, "AB", "skipped"))
            except WorkspaceError as error:
                return str(error)
            return "it was written"

        said = as_nobody(submit)
        assert "cannot be written; give this user the right" in said
        assert as_nobody(lambda: store.round(round_.id).id) == round_.id


def test_an_unknown_round_names_those_there_are(store):
    with pytest.raises(UsageError, match="none yet"):
        store.round("x")
    store.keep(make_round())
    with pytest.raises(UsageError, match=make_round().id):
        store.round("x'; DROP TABLE rounds; --")


KILLED = """
import os, sys
from pathlib import Path
from socratic.rating.desk import Desk
from socratic.rating.store import Store
from socratic.workspace import Workspace
store = Store(Workspace(Path(sys.argv[1])))
round_ = store.round(sys.argv[2])
for item in range(10):
    desk = Desk(store, round_, "AB")
    marks = [{"fluency": 5, "relevance": 5, "answered": True}] * len(desk.sheet(item).questions)
    desk.submit(item, {"marks": marks, "choice": "A", "note": ""})
    print(item, flush=True)
    sys.stdin.readline()
"""


def test_kill_9_loses_nothing_that_was_submitted(workspace, store):
    round_ = make_round()
    store.keep(round_)
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(workspace.root), round_.id],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    for item in range(3):
        assert process.stdout.readline() == f"{item}\n"
        if item < 2:
            process.stdin.write("\n")
            process.stdin.flush()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert [one.item for one in store.ratings(round_.id)] == [0, 1, 2]
    with sqlite3.connect(store.path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()
    at = Desk(store, round_, "AB")
    assert at.next() == 3
    at.submit(3, filled(at.sheet(3)))


def test_the_file_is_in_wal_mode(store):
    store.keep(make_round())
    db = sqlite3.connect(store.path)
    assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    db.close()


def test_a_candidate_without_text_is_kept_as_such():
    item = item_of(data.Row("C.", "", "clarity"), {"a": "", "b": ""})
    assert item == Item(
        context="C.", type="clarity", candidates=(Candidate(text="", systems=("a", "b")),)
    )
