"""Members of an ensemble: alone as separate networks, together as the mean of what they say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import special

import gradus as gd
from gradus import nn
from gradus.errors import ArgumentError, ShapeError

X = np.random.default_rng(0).normal(size=(5, 4))
SCORES = np.random.default_rng(1).normal(scale=3.0, size=(5, 7, 3))

Run = Callable[[nn.Module], Callable[[gd.Tensor], gd.Tensor]]
every_executor = pytest.mark.parametrize(
    "run", [lambda f: f, gd.compile], ids=["eager", "compiled"]
)


def softmax(x: np.ndarray) -> np.ndarray:
    return np.asarray(special.softmax(x, axis=-1))


# What an output stands for, and the other way round.
MEANS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "values": lambda x: x,
    "classes": softmax,
    "labels": special.expit,
}


def test_each_member_is_a_network_of_its_own() -> None:
    d = "float64"
    net = nn.Sequential(
        nn.MemberInput(3, 4, d), nn.Linear(4, 6, dtype=d), nn.Tanh(), nn.MemberLinear(3, 6, 2, d)
    )
    together = net(X).numpy()
    for k in range(3):
        last = nn.Linear(6, 2, dtype=d)
        last.weight, last.bias = net[3].weight[k], net[3].bias[k]
        alone = nn.Sequential(net[1], net[2], last)(X * net[0].scale.numpy()[k])
        np.testing.assert_allclose(together[:, k], alone.numpy(), rtol=1e-12)


@pytest.mark.parametrize("of", MEANS)
@every_executor
def test_the_mean_is_that_of_what_outputs_stand_for(of: str, run: Run) -> None:
    mean = nn.MemberMean(of)
    assert np.array_equal(mean(SCORES).numpy(), SCORES)
    found = run(mean.eval())(gd.tensor(SCORES)).numpy()
    expected = MEANS[of](SCORES).mean(axis=1)
    np.testing.assert_allclose(MEANS[of](found), expected, rtol=1e-12)
    if of == "classes":
        np.testing.assert_allclose(np.exp(found).sum(axis=1), 1.0, rtol=1e-12)


@pytest.mark.parametrize("of", MEANS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@every_executor
def test_the_mean_of_outputs_of_ten_thousand_is_finite(
    of: str,
    dtype: str,
    run: Callable,  # type: ignore[type-arg]
) -> None:
    rows = [[[1e4, -1e4], [1e4, -1e4]], [[1e4, -1e4], [-1e4, 1e4]], [[-1e4, -1e4], [-1e4, -1e4]]]
    found = run(nn.MemberMean(of).eval())(gd.tensor(np.array(rows, dtype))).numpy()
    assert np.isfinite(found).all()
    # float32 holds 2·10⁴ to 10⁻³.
    np.testing.assert_allclose(MEANS[of](found[1]), MEANS[of](np.zeros(2)), atol=2e-3)
    assert np.array_equal(np.sign(found[0] - found[0].mean()), [1.0, -1.0])


@pytest.mark.parametrize("of", MEANS)
def test_the_mean_has_derivatives_to_second_order(of: str) -> None:
    mean = nn.MemberMean(of).eval()
    assert gd.gradcheck(mean, [SCORES[:2]], rtol=1e-7, atol=1e-8)
    assert gd.gradcheck(mean, [SCORES[:2]], order=2, rtol=1e-5, atol=1e-7)


@every_executor
def test_of_several_questions_the_mean_is_that_of_each_ones_probabilities(run: Run) -> None:
    scores = np.concatenate([SCORES, 2 * SCORES[::-1]], axis=2)
    mean = nn.MemberMean("classes", [2, 4]).eval()
    found = run(mean)(gd.tensor(scores)).numpy()
    for part in (slice(0, 2), slice(2, 6)):
        expected = softmax(scores[..., part]).mean(axis=1)
        np.testing.assert_allclose(np.exp(found[:, part]), expected, rtol=1e-12)
    with pytest.raises(ShapeError, match=r"takes inputs of shape \(n, 7, 6\)"):
        mean(SCORES)


def test_members_start_with_random_signs_or_normal_numbers_alike_in_a_group() -> None:
    signs = nn.MemberInput(200, 50).scale.numpy()
    assert set(np.unique(signs)) == {-1.0, 1.0}
    assert abs(signs.mean()) < 0.05, "of 10,000 signs, five deviations"
    assert len({row.tobytes() for row in signs}) == 200
    scale = nn.MemberInput(500, 6, start="normal", groups=[4, 2]).scale.numpy()
    assert (scale[:, :4] == scale[:, :1]).all()
    assert (scale[:, 4] == scale[:, 5]).all()
    assert (scale[:, 0] != scale[:, 5]).all()
    assert scale[:, [0, 4]].std() == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: nn.MemberInput(0, 4), "members must be at least 1"),
        (lambda: nn.MemberInput(2, 4, start="ones"), "start must be 'signs' or 'normal'"),
        (lambda: nn.MemberInput(2, 4, groups=[3]), "groups add up to the 4 features"),
        (lambda: nn.Ensemble(), "one network or more, each a module; received none"),
        (lambda: nn.Ensemble([nn.ReLU()]), r"write Ensemble\(\*networks\)"),  # type: ignore[arg-type]
        (lambda: nn.MemberMean("votes"), "of must be 'values' or 'classes' or 'labels'"),
        (lambda: nn.MemberMean("values", [2, 3]), "where the outputs are scores of classes"),
    ],
)
def test_arguments_without_meaning_are_refused(make: Callable[[], object], says: str) -> None:
    with pytest.raises(ArgumentError, match=says):
        make()


@pytest.mark.parametrize("layer", [nn.MemberLinear(3, 4, 2), nn.MemberMean("values")], ids=str)
def test_inputs_without_members_are_refused(layer: nn.Module) -> None:
    with pytest.raises(ShapeError, match=r"put nn\.MemberInput before"):
        layer(X)


def test_networks_of_an_ensemble_give_outputs_of_one_shape() -> None:
    with pytest.raises(ShapeError):
        nn.Ensemble(nn.Linear(4, 2), nn.Linear(4, 3))(X)
