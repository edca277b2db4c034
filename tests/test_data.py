import pandas as pd
import pytest
from conftest import MTURK, needs_mturk

from socratic import data
from socratic.data import Row
from socratic.errors import DataError


def write(path, columns, *rows, encoding="utf-8"):
    frame = pd.DataFrame(list(rows), columns=columns)
    if path.suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, encoding=encoding)
    return path


PLAIN = ["context", "question", "type"]


def plain(count, kind="clarity"):
    return [(f"Opinion number {i} is right.", f"Why {i}?", kind) for i in range(count)]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize(
    ("columns", "cells"),
    [
        (PLAIN, ("Cats rule: a lot", "Why?", "clarity")),
        (["thought", "question", "label"], ("Cats rule: a lot", "Why?", "clarity")),
        (["input", "target"], ("clarity: Cats rule: a lot", "[Question] Why?")),
    ],
)
def test_three_formats_give_the_same_row(tmp_path, suffix, columns, cells):
    path = write(tmp_path / f"d.{suffix}", columns, cells)
    assert data.read(path, print) == [Row("Cats rule: a lot", "Why?", "clarity")]


def test_wrong_columns_are_named_with_the_right_ones(tmp_path):
    path = write(tmp_path / "d.csv", ["text", "label"], ("a", "b"))
    with pytest.raises(DataError, match=r"d\.csv has the columns 'text,label'.*context,question"):
        data.load(path)


def test_unknown_type_is_named_with_its_line(tmp_path):
    path = write(tmp_path / "d.csv", PLAIN, *plain(3), ("c", "q?", "rhetorical"))
    with pytest.raises(DataError, match=r"1 rows.*line 5: 'rhetorical'"):
        data.load(path)


def test_empty_cells_and_others_are_left_out_and_told(tmp_path):
    rows = [*plain(20), ("", "Why?", "clarity"), ("c", " ", "clarity"), ("c", "q?", "others")]
    corpus = data.load(write(tmp_path / "d.csv", PLAIN, *rows))
    assert sum(corpus.counts.values()) == 20
    assert any("2 rows with an empty cell left out (lines 22, 23)" in n for n in corpus.notes)
    assert any("1 rows of type 'others'" in note for note in corpus.notes)


def test_one_row_cannot_be_split(tmp_path):
    with pytest.raises(DataError, match="has 1 different context.*at least 3"):
        data.load(write(tmp_path / "d.csv", PLAIN, *plain(1)))


def test_wrong_encoding_is_named(tmp_path):
    path = write(tmp_path / "d.csv", PLAIN, ("Café", "Why?", "clarity"), encoding="latin-1")
    with pytest.raises(DataError, match=r"d\.csv is not UTF-8 text.*0xe9"):
        data.load(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("d.csv", b""),
        ("d.csv", b"\x89PNG\r\n\x1a\n\x00\x00"),
        ("d.parquet", b"PAR0 no"),
        ("d.txt", b"x"),
    ],
)
def test_what_is_no_data_file_is_told_in_one_sentence(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=name) as caught:
        data.load(path)
    assert "\n" not in str(caught.value)


def test_missing_file_and_split_are_named(tmp_path):
    with pytest.raises(DataError, match="'nowhere.csv'"):
        data.load("nowhere.csv")
    write(tmp_path / "train.csv", PLAIN, *plain(3))
    with pytest.raises(DataError, match="no test split; it has: train"):
        data.load(tmp_path).split("test")


def test_a_folder_without_train_says_how_to_name_files(tmp_path):
    write(tmp_path / "stuff.csv", PLAIN, *plain(3))
    with pytest.raises(DataError, match=r"no train\*\.csv"):
        data.load(tmp_path)


def test_split_shares_no_context_and_ignores_order(tmp_path):
    rows = plain(50) + [("OPINION number 7 is right", "Really?", "assumptions")]
    one = data.load(write(tmp_path / "a.csv", PLAIN, *rows))
    other = data.load(write(tmp_path / "b.csv", PLAIN, *reversed(rows)))
    contexts = [{data.context_key(r.context) for r in one.split(s)} for s in data.SPLITS]
    assert not (contexts[0] & contexts[1] or contexts[0] & contexts[2] or contexts[1] & contexts[2])
    assert {s: set(one.split(s)) for s in data.SPLITS} == {
        s: set(other.split(s)) for s in data.SPLITS
    }
    assert one.counts["test"] >= 5


def test_leaks_leave_train_and_never_test(tmp_path):
    write(tmp_path / "train.csv", PLAIN, *plain(5))
    write(tmp_path / "validation.csv", PLAIN, ("Opinion number 1 is right!", "So?", "clarity"))
    write(tmp_path / "test.csv", PLAIN, ("opinion number 2 is RIGHT.", "So?", "clarity"))
    corpus = data.load(tmp_path)
    assert corpus.counts == {"train": 3, "validation": 1, "test": 1}
    assert any("2 train rows left out" in note for note in corpus.notes)


def test_hash_is_of_the_rows_not_of_the_file(tmp_path):
    csv = data.load(write(tmp_path / "a.csv", PLAIN, *plain(9)))
    parquet = data.load(write(tmp_path / "b.parquet", PLAIN, *plain(9)))
    changed = data.load(write(tmp_path / "c.csv", PLAIN, *plain(9, "assumptions")))
    assert csv.sha256 == parquet.sha256 != changed.sha256


def test_references_of_one_context_and_type_stand_together():
    rows = [Row("A.", "1?", "clarity"), Row("a", "2?", "clarity"), Row("A.", "3?", "assumptions")]
    assert data.references(rows) == [["1?", "2?"], ["1?", "2?"], ["3?"]]


def test_sample_keeps_the_proportions_and_is_always_the_same():
    rows = [Row(f"c{i}", "q?", "clarity" if i % 4 else "assumptions") for i in range(400)]
    sample = data.stratified(rows, 40)
    assert data.type_counts(sample)["assumptions"] == 10
    assert sample == data.stratified(rows, 40)
    assert data.stratified(rows, 1000) == rows


@needs_mturk
def test_mturk_file_as_published():
    corpus = data.load(MTURK)
    assert sum(corpus.counts.values()) == 2_500
    assert any("35 rows of type 'others'" in note for note in corpus.notes)
