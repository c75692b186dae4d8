"""The bundled sets are whole, need no network, and survive a file bit for bit."""

import pytest

from gradus.data import BUNDLED, Table, TargetEncoder, load
from gradus.errors import ArgumentError

SHAPES = {
    "digits": (1797, 64, 10),
    "iris": (150, 4, 3),
    "wine": (178, 13, 3),
    "breast_cancer": (569, 30, 2),
    "diabetes": (442, 10, 0),
}


@pytest.mark.parametrize("name", BUNDLED)
def test_a_set_has_its_rows_columns_and_classes(name):
    table, target = load(name)
    rows, columns, classes = SHAPES[name]
    assert (len(table), len(table.names)) == (rows, columns + 1)
    assert table.names[-1] == target
    assert len(TargetEncoder.fit(table.column(target)).classes) == classes


def test_classes_have_their_names():
    assert set(load("iris")[0].column("species")) == {"setosa", "versicolor", "virginica"}
    assert set(load("breast_cancer")[0].column("diagnosis")) == {"benign", "malignant"}
    assert set(load("digits")[0].column("digit").tolist()) == set(range(10))


@pytest.mark.parametrize("name", BUNDLED)
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_a_set_comes_back_from_a_file_bit_for_bit(tmp_path, name, suffix):
    table, _ = load(name)
    path = tmp_path / f"{name}{suffix}"
    table.write(path)
    again = Table.read(path)
    assert again == table
    for column in table.names:
        cells = table.column(column)
        if cells.dtype.kind == "f":
            assert again.column(column).tobytes() == cells.tobytes()


def test_an_unknown_set_is_answered_with_the_known_ones():
    message = "digits, iris, wine, breast_cancer, diabetes; received 'mnist'"
    with pytest.raises(ArgumentError, match=message):
        load("mnist")
