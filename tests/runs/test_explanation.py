"""Explanations of rows: pushes that are the network's, and a page that shows them to anybody."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.pages import Page, assert_accessible, assert_offline, assert_well_formed

from gradus import nn
from gradus.data import Table, load
from gradus.errors import ArgumentError, DataError
from gradus.estimators.table_run import train_table
from gradus.runs import explain_row, explanation_page
from gradus.runs.explanation import MOST_INPUTS, most_columns
from gradus.runs.explanation_page import Bar, _bar, _ends
from gradus.runs.explanation_words import difference, sums
from gradus.runs.pixels import grid, image, pushes
from gradus.tensor import tensor
from gradus.train.table_model import TableModel

EVIL = '<script>alert("1")</script>'
ROWS = 60
MIXED_TARGET = "{{ 7 * 7 }}"

# A float32 network of values up to 10 has scores to about 1e-6, and so have their differences.
ROUNDING = 1e-5


def trained(table: Table, target: str, **settings: Any) -> TableModel:
    return train_table(table, target, progress=False, **{"max_iter": 4, **settings}).model


def mixed() -> Table:
    """All kinds of columns, gaps, hostile names, and classes that are hostile, too."""
    k = np.arange(ROWS)
    days = np.datetime64("2024-01-01") + (k * 7).astype("timedelta64[D]")
    return Table.from_arrays({
        EVIL: np.where(k % 7 == 3, np.nan, k * 1.5),
        "city $\\frac$ &": [None if i % 9 == 4 else ["Bonn", "Ulm", EVIL][i % 3] for i in k],
        "when": days,
        "member": [None if i % 8 == 5 else ["yes", "no"][i % 2] for i in k],
        "x" * 200: k % 5,
        MIXED_TARGET: ["</style><script>x</script>", "'\"><svg onload=alert(2)>"] * (ROWS // 2),
    })  # fmt: skip


@pytest.fixture(scope="module")
def models() -> dict[str, tuple[TableModel, Table]]:
    found = {name: (trained(*load(name)), load(name)[0]) for name in ("wine", "digits", "diabetes")}
    return {**found, "mixed": (trained(mixed(), MIXED_TARGET), mixed())}


Models = dict[str, tuple[TableModel, Table]]
NAMES = pytest.mark.parametrize("name", ["wine", "digits", "diabetes", "mixed"])


# ── What pushed it ──────────────────────────────────────────────────────────────────────────────


@NAMES
@pytest.mark.parametrize("row", [1, 5, ROWS])
def test_pushes_and_their_remainder_are_the_difference_to_the_average_row(
    models: Models, name: str, row: int
) -> None:
    model, table = models[name]
    found = explain_row(model, table, row)
    facts = found.facts()
    x = np.stack([model.inputs.transform(table)[row - 1], np.zeros_like(found.encoded)])
    here, average = model.score(tensor(x), found.label).numpy()
    size = ROUNDING * max(1, abs(here), abs(average))
    assert abs(facts["explained"]["score"] - here) < size
    assert abs(facts["explained"]["average_row"] - average) < size
    for way in ("shapley", "gradient_times_input"):
        values = [push[way] for push in facts["pushes"]]
        if None not in values:
            assert abs(sum(values) + facts["remainder"][way] - (here - average)) < size
    shared = facts["remainder"]["shapley"]
    assert shared is None if name == "digits" else abs(shared) < size
    assert [push["column"] for push in facts["pushes"]] == list(model.inputs.columns)


@pytest.mark.parametrize("name", ["wine", "digits", "mixed"])
def test_the_score_of_a_class_is_the_log_odds_of_its_probability(models: Models, name: str) -> None:
    model, table = models[name]
    for label, p in enumerate(model.outputs(table)[2]):
        found = explain_row(model, table, 3, str(model.target.classes[label]))
        # The probability's own rounding of 1e-16 counts most where it is near 1: little here.
        assert found.gradient.score == pytest.approx(np.log(p) - np.log1p(-p), abs=1e-4)
        assert found.label == label
        assert found.prediction == model.target.classes[int(np.argmax(found.probabilities))]


def test_the_score_of_a_value_is_the_prediction_in_its_unit(models: Models) -> None:
    model, table = models["diabetes"]
    found = explain_row(model, table, 3)
    # NumPy rounds a row alone unlike one among many; natively they are the same.
    assert found.prediction == pytest.approx(model.outputs(table)[2], rel=1e-6)
    assert found.gradient.score == pytest.approx(found.prediction, rel=1e-6)
    assert found.probabilities == ()
    assert found.facts()["explained"]["class"] is None


def test_pushes_for_one_of_two_classes_are_those_against_the_other(models: Models) -> None:
    model, table = models["mixed"]
    first, second = (explain_row(model, table, 2, str(c)) for c in model.target.classes)
    np.testing.assert_allclose(first.gradient.values, -second.gradient.values, atol=1e-6)
    assert first.shapley
    assert second.shapley
    np.testing.assert_allclose(first.shapley.values, -second.shapley.values, atol=1e-6)


def test_of_a_linear_model_both_ways_give_each_column_the_sum_of_its_weights_times_inputs() -> None:
    model = trained(mixed(), MIXED_TARGET, preset="classic", hidden_layer_sizes=())
    found = explain_row(model, mixed(), 2, str(model.target.classes[1]))
    weight = model.network.named_parameters()["0.weight"].numpy().astype(np.float64)
    products = weight[0] * found.encoded  # of the one score, which speaks for the second class
    expected = [products[list(place)].sum() for place in model.inputs.places.values()]
    assert found.shapley
    np.testing.assert_allclose(found.gradient.values, expected, atol=1e-6)
    np.testing.assert_allclose(found.shapley.values, expected, atol=1e-5)


def test_a_cell_that_says_nothing_pushes_nothing() -> None:
    whole = Table.from_arrays({
        "a": np.arange(ROWS) % 7, "city": ["Bonn", "Ulm"] * 30, "y": ["u", "v", "v"] * 20,
    })  # fmt: skip
    model = trained(whole, "y")
    blank = Table.from_arrays({"a": [None, 3.0], "city": ["Rom", None]})
    for row in (1, 2):
        found = explain_row(model, blank, row)
        quiet = 1 if row == 2 else slice(None)
        assert found.shapley
        # Coalitions with and without such a cell are the same rows in one batch.
        np.testing.assert_allclose(found.shapley.values[quiet], 0, atol=1e-6)
        assert not found.gradient.values[quiet].any()
        assert found.actual is None


def test_a_missing_cell_pushes_where_training_knew_missing_cells(models: Models) -> None:
    model, table = models["mixed"]
    found = explain_row(model, table, 4)
    assert found.cells[EVIL] is None
    place = model.inputs.columns.index(EVIL)
    assert found.gradient.values[place] != 0


def test_a_model_in_training_mode_is_explained_as_it_predicts(models: Models) -> None:
    model, table = models["wine"]
    noisy = replace(model, network=nn.Sequential(*model.network, nn.Dropout(0.5)))
    assert noisy.network.training
    assert explain_row(noisy, table, 1).facts() == explain_row(model, table, 1).facts()
    assert noisy.network.training


@pytest.mark.parametrize("row", [0, -1, 179, 2**70])
def test_a_row_that_is_not_there_is_refused(models: Models, row: int) -> None:
    with pytest.raises(DataError, match=rf"counted from 1 to 178.*received {row}$"):
        explain_row(*models["wine"], row)


def test_a_class_that_is_not_there_is_refused(models: Models) -> None:
    with pytest.raises(
        ArgumentError, match=r"one of 'class_0', 'class_1', 'class_2'; received '0'"
    ):
        explain_row(*models["wine"], 1, "0")
    with pytest.raises(ArgumentError, match="leave --class out"):
        explain_row(*models["diabetes"], 1, "140")
    with pytest.raises(ArgumentError, match="classes are 0 to 2"):
        models["wine"][0].score(tensor(np.zeros((1, 13), np.float32)), 3)


def coded() -> Table:
    """A column of thirty towns, which the default preset gives to the network by number."""
    draw = np.random.default_rng(0)
    town, size = draw.integers(0, 30, 300), draw.normal(size=300)
    return Table.from_arrays({
        "town": [f"t{t:02}" for t in town], "size": size,
        "value": 100 + 20.0 * (town % 2) + 5 * size,
        "kind": np.where(town % 2 + 0.3 * size > 0.5, "yes", "no"),
    })  # fmt: skip


@pytest.mark.parametrize("target", ["kind", "value"])
def test_a_category_by_number_pushes_what_taking_it_away_changes(target: str) -> None:
    table = coded().drop("value" if target == "kind" else "kind")
    model = trained(table, target, max_iter=30)
    assert model.inputs.codes
    found = explain_row(model, table, 7)
    assert found.shapley
    assert abs(found.shapley.remainder) < 1e-3 * abs(found.gradient.score)
    town = table.column("town").copy()
    town[6] = "nowhere"
    without = explain_row(model, table.with_columns({"town": town}), 7, found.chosen)
    taken = found.gradient.score - without.gradient.score
    assert found.gradient.values[0] == pytest.approx(taken, rel=1e-4, abs=1e-5)
    assert abs(taken) > 0.2 * abs(found.gradient.score - found.gradient.reference)
    # Towns of the other kind push the other way.
    odd = np.array([int(t[1:]) % 2 for t in table.column("town")])
    signs = {}
    for k in (0, 1):
        rows = np.flatnonzero(odd == k)[:8]
        target_class = "yes" if target == "kind" else None
        pushed = [explain_row(model, table, int(r) + 1, target_class) for r in rows]
        signs[k] = np.mean([e.gradient.values[0] for e in pushed])
    assert signs[0] < signs[1]
    text = Page(explanation_page(found, "towns")).text
    assert "has no slope: its value is what changes when it is taken away" in text
    assert "Numbers stand at their median in training" in text
    assert "categorical, by its number" in text


def test_a_value_beyond_those_of_training_is_explained_without_a_slope() -> None:
    x = np.linspace(-1, 1, 80)
    table = Table.from_arrays({"x": x, "y": 3 * x})
    model = trained(table, "y", preset="classic", clamp=True, max_iter=60)
    beyond = Table.from_arrays({"x": [9.0]})
    found = explain_row(model, beyond, 1)
    assert found.prediction == pytest.approx(3.0, rel=1e-6)  # the greatest that training saw
    assert not found.gradient.values.any()
    assert found.shapley
    assert found.shapley.values[0] == pytest.approx(3.0 - found.shapley.reference, rel=1e-6)


def test_large_networks_have_shapley_values_for_fewer_columns(models: Models) -> None:
    small = models["wine"][0]
    assert most_columns(small) == MOST_INPUTS
    members = nn.Sequential(
        nn.MemberInput(32, 13), nn.Linear(13, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(),
        nn.MemberLinear(32, 512, 3), nn.MemberMean("classes"),
    )  # fmt: skip
    large = replace(small, network=members)
    assert 2 <= most_columns(large) < 13
    found = explain_row(large, models["wine"][1], 1)
    assert found.shapley is None
    text = Page(explanation_page(found, "wine")).text
    assert f"up to {most_columns(large)} columns of a network of this size" in text


def test_scores_beyond_all_bounds_are_refused() -> None:
    table = Table.from_arrays({"a": np.arange(30.0), "y": np.arange(30.0)})
    model = trained(table, "y", preset="classic", max_iter=1, hidden_layer_sizes=())
    model.network[0].weight = [[np.finfo(np.float64).max]]
    with np.errstate(all="ignore"), pytest.raises(ArgumentError, match="only finite scores"):
        explain_row(model, table, 30)


# ── The page ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module", params=["wine", "digits", "diabetes", "mixed"])
def html(request: pytest.FixtureRequest, models: Models) -> str:
    return explanation_page(explain_row(*models[request.param], 4), f"{request.param} {EVIL}")


def test_the_page_needs_nothing_but_itself(html: str) -> None:
    assert_offline(html)


def test_the_page_is_well_formed_and_can_be_found_through(html: str) -> None:
    assert_well_formed(html)
    assert_accessible(html)
    boxes = [a for a in Page(html).tags("div") if a.get("class") == "scroll"]
    assert all(a.get("aria-label") for a in boxes)
    for attrs in Page(html).tags("svg"):
        assert attrs["role"] == "img"


def test_what_is_printed_differs_in_what_overflows_and_in_nothing_else(html: str) -> None:
    style = html[html.index("<style>") : html.index("</style>")]
    assert style.count(".verdicts {") == 1
    assert ".scroll { overflow: visible; }" in style[style.index("@media print") :]
    assert '<div class="scroll drawing"' in html


def test_every_bar_stays_on_its_axis(html: str) -> None:
    bars = re.findall(r'style="left:([\d.]+)%?;width:([\d.]+)%"', html)
    assert len(bars) > 5
    assert all(0 <= float(left) <= 100.1 - float(width) for left, width in bars)


@pytest.mark.parametrize("grain", ["layer", "operation"])
def test_the_page_says_everything(models: Models, grain: str) -> None:
    page = Page(explanation_page(explain_row(*models["wine"], 4), "wine", grain))
    for part in (
        "wine, row 4: why this cultivar?", "The network predicts “class_", "log odds",
        "What pushed it", "Shapley values add up to", "all of the difference",
        "Gradient × input adds up to", "Average row", "The row’s inputs", "proline", "1480",
        f"{grain} by {grain}", "Forward", "Backward", "∂s/∂x",
        "log_odds" if grain == "layer" else "exp",
    ):  # fmt: skip
        assert part in page.text, part


@NAMES
def test_the_difference_is_written_alike_in_all_sentences(models: Models, name: str) -> None:
    model, table = models[name]
    for row in range(1, ROWS, 7):
        found = explain_row(model, table, row)
        told = [text.partition("of the difference of ")[2] for text in sums(found)]
        assert {text.partition(":")[0] for text in told if text} <= {difference(found)[2]}


def test_a_value_is_explained_in_its_unit(models: Models) -> None:
    found = explain_row(*models["diabetes"], 4)
    text = Page(explanation_page(found, "diabetes")).text
    assert "This page explains the prediction of progression itself, in its own unit." in text
    assert "In the row stands 206." in text
    assert "in_unit" in text


@pytest.mark.parametrize("label", [0, 1])
def test_hostile_names_and_classes_are_shown_as_text(models: Models, label: int) -> None:
    model, table = models["mixed"]
    target = str(model.target.classes[label])
    page = Page(explanation_page(explain_row(model, table, 3, target), f"{EVIL}.csv"))
    assert {"script", "img"}.isdisjoint(tag for tag, _ in page.elements)
    assert not any(name.startswith("on") for _, attrs in page.elements for name in attrs)
    assert EVIL in page.text
    assert f"Blue pushes for “{target}”, orange against it." in page.text
    assert "why this {{ 7 * 7 }}?" in page.text
    assert "city $\\frac$ & = <script>" in page.text


def test_the_kinds_of_a_table_are_explained_and_no_others(models: Models) -> None:
    mixed_text, wine = (
        Page(explanation_page(explain_row(*models[name], 4), name)).text
        for name in ("mixed", "wine")
    )
    for part in ("in no season", "Yes or no is in between", "none of those known", "missing"):
        assert part in mixed_text
        assert part not in wine


def test_pixels_are_shown_as_an_image_beside_their_pushes(models: Models) -> None:
    found = explain_row(*models["digits"], 4)
    page = Page(explanation_page(found, "digits"))
    labels = [a.get("aria-label") for a in page.tags("svg")]
    assert "The row as an image of 8 × 8 pixels." in labels
    assert "Gradient × input of each of the 8 × 8 pixels." in labels
    assert "Show the 49 columns with smaller pushes" in page.text
    assert "computed for up to 16 columns" in page.text
    assert "Shapley value</th>" not in explanation_page(found, "digits")


def test_many_classes_are_counted_together_and_the_explained_one_is_shown() -> None:
    table = Table.from_arrays(
        {"a": np.arange(200) % 40, "y": [f"c{k % 40:02}" for k in range(200)]}
    )
    model = trained(table, "y", preset="classic", max_iter=1)
    order = np.argsort(model.outputs(table)[0])
    last = str(model.target.classes[order[0]])
    page = Page(explanation_page(explain_row(model, table, 1, last), "many"))
    assert "28 other classes together" in page.text
    assert f"Explained here is “{last}”." in page.text
    assert f"{last} explained here" in page.text


def test_bars_begin_at_zero_and_end_at_their_value() -> None:
    low, high = _ends([np.array([1.0, -1.0]), np.array([3.0])])
    assert (low, high) == (-1.0, 3.0)
    assert _bar("+3", 3.0, low, high) == Bar("+3", "for", 25.0, 75.0)
    assert _bar("−1", -1.0, low, high) == Bar("−1", "against", 0.0, 25.0)
    assert _ends([np.zeros(2)]) == (-1.0, 1.0)
    assert _bar("0", 0.0, -1.0, 1.0) == Bar("0", "against", 50.0, 0.0)


# ── Pixels ──────────────────────────────────────────────────────────────────────────────────────


def test_pixels_are_found_by_their_numbers_wherever_they_stand() -> None:
    names = [f"p{r}x{c}" for c in range(1, 5) for r in range(1, 4)]
    places = grid(names)
    assert places is not None
    assert [[names[k] for k in row] for row in places] == [
        [f"p{r}x{c}" for c in range(1, 5)] for r in range(1, 4)
    ]


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["a_1_1", "a_1_2"],  # a row is no image
        [f"p_{r}_{c}" for r in range(3) for c in range(3)][1:],
        [f"p_{r}_{c}" for r in (0, 1, 3) for c in range(3)],
        [*(f"p_{r}_{c}" for r in range(3) for c in range(3)), "age"],
        [*(f"p_{r}_{c}" for r in range(3) for c in range(2)), "q_0_2", "q_1_2", "q_2_2"],
        [*(f"p_{k // 3}_{k % 3}" for k in range(8)), "p_02_1"],
        [f"x{k}" for k in range(9)],
    ],
)  # fmt: skip
def test_other_columns_are_no_image(names: list[str]) -> None:
    assert grid(names) is None


def test_the_largest_number_and_the_largest_push_are_drawn_strongest() -> None:
    svg = image(np.array([[0.0, 8.0], [16.0, 4.0]]), "a & b")
    assert 'aria-label="a &amp; b"' in svg
    opacities = re.findall(r'x="(\d)" y="(\d)".*?fill-opacity="([\d.]+)"', svg)
    assert opacities == [("1", "0", "0.500"), ("0", "1", "1.000"), ("1", "1", "0.250")]
    svg = pushes(np.array([[1.0, -2.0]]), "p")
    assert re.findall(r'fill="(#\w+)" fill-opacity="([\d.]+)"', svg) == [
        ("#2f6fde", "0.500"), ("#d97706", "1.000"),
    ]  # fmt: skip
    assert "<rect x" not in image(np.ones((2, 2)), "even") + pushes(np.zeros((2, 2)), "none")
