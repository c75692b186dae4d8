"""Bad input: each gets a message that says the rule, what was received, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradus as gd
from gradus import losses, nn, optim
from gradus.errors import ArgumentError, DataError, DtypeError, GradusError, ShapeError
from gradus.train import EarlyStopping

X = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
LABELS = np.arange(20) % 4
Y = X @ np.ones((3, 2), np.float32)


def changed(array: np.ndarray, place: Any, value: float, dtype: str = "float64") -> np.ndarray:
    copy = array.astype(dtype)
    copy[place] = value
    return copy


def network(outputs: int = 4) -> nn.Sequential:
    gd.manual_seed(0)
    return nn.Sequential(nn.Linear(3, outputs))


def fit(x: Any = X, y: Any = LABELS, loss: Any = losses.cross_entropy, **options: Any) -> Any:
    outputs = options.pop("outputs", 4)
    trainer = gd.Trainer(network(outputs), loss, optim.SGD(0.1))
    return trainer.fit(x, y, **{"epochs": 1, "progress": False, **options})


ONE = {"loss": losses.binary_cross_entropy_with_logits, "outputs": 1}
TWO = {"loss": losses.squared_error, "outputs": 2}

BAD: dict[str, tuple[dict[str, Any], type[GradusError], str]] = {
    "NaN in the inputs": (
        {"x": changed(X, (7, 2), np.nan)},
        DataError,
        r"inputs are finite.*nan in row 7, column 2 \(both counted from 0\).*missing values",
    ),
    "infinity in the inputs": ({"x": changed(X, (0, 1), np.inf)}, DataError, "inf in row 0, col"),
    "a number that float32 cannot hold": (
        {"x": changed(X, (3, 0), 1e300)},
        DataError,
        r"finite numbers of float32; received 1e\+300 in row 3, column 0.*scale what is too large",
    ),
    "NaN in the targets": (
        {"y": changed(Y, (4, 1), np.nan), **TWO},
        DataError,
        "targets are finite.*row 4, column 1",
    ),
    "inputs of one axis": ({"x": X[:, 0]}, ShapeError, r"received \(20,\).*X\.reshape\(-1, 1\)"),
    "a single number": ({"x": 1.5}, ShapeError, "a row an example"),
    "too many columns": ({"x": np.ones((20, 5))}, ShapeError, r"3 features; received .*\(1, 5\)"),
    "too few columns": ({"x": X[:, :2]}, ShapeError, "Linear.*3 features"),
    "fewer targets": (
        {"y": LABELS[:19]},
        ShapeError,
        "as many rows as the inputs, 20; received 19",
    ),
    "one target": ({"y": 3}, ShapeError, "received a single number"),
    "one target that is missing": ({"y": float("nan")}, ShapeError, "received a single number"),
    "no rows": ({"x": X[:0], "y": LABELS[:0]}, DataError, "at least one row"),
    "rows of two lengths": ({"x": [[1.0, 2.0, 3.0], [1.0]]}, ShapeError, "rows of one length"),
    "text": ({"x": X.astype(str)}, DtypeError, "inputs are numbers.*encode text"),
    "text as labels": ({"y": LABELS.astype(str)}, DtypeError, "targets are numbers"),
    "objects": ({"x": np.array([[None] * 3] * 20)}, DtypeError, "dtype object"),
    "complex numbers": ({"x": X.astype(complex)}, DtypeError, "complex128"),
    "dates": ({"x": np.zeros((20, 3), "datetime64[D]")}, DtypeError, "datetime64"),
    "negative weights": (
        {"sample_weight": changed(np.ones(20), 3, -1.0)},
        DataError,
        "weights are ≥ 0, and not all 0; received from -1.0 to 1.0",
    ),
    "weights of zero": ({"sample_weight": np.zeros(20)}, DataError, "not all 0"),
    "a weight of NaN": ({"sample_weight": changed(np.ones(20), 3, np.nan)}, DataError, "row 3"),
    "fewer weights": ({"sample_weight": np.ones(19)}, ShapeError, "received 19"),
    "weights of two axes": ({"sample_weight": np.ones((20, 1))}, ShapeError, "one number a row"),
    "a label too large": ({"outputs": 3}, ArgumentError, "between 0 and 2; received 3"),
    "a label too large in the last row": (
        {"y": changed(LABELS, 19, 4, "int64")},
        ArgumentError,
        "between 0 and 3; received 4",
    ),
    "a negative label": (
        {"y": changed(LABELS, 5, -1, "int64")},
        ArgumentError,
        "between 0 and 3; received -1",
    ),
    "labels that are no integers": ({"y": LABELS + 0.5}, DtypeError, "labels are integers"),
    "a yes-or-no target of 2": (
        {"y": changed(LABELS, 19, 2.0) / 1.0 % 3, **ONE},
        ArgumentError,
        "between 0 .* and 1 .*received 2",
    ),
    "targets of another shape": (
        {"y": Y[:, :1], **TWO},
        ShapeError,
        r"\(20, 2\) and a target of \(20, 1\)",
    ),
    "targets of one axis for two outputs": ({"y": Y[:, 0], **TWO}, ShapeError, "same shape"),
    "no epochs": ({"epochs": 0}, ArgumentError, "epochs must be at least 1; received 0"),
    "half an epoch": ({"epochs": 0.5}, ArgumentError, "epochs must be a whole number"),
    "epochs as text": ({"epochs": "10"}, ArgumentError, "received '10'"),
    "an empty batch": ({"batch_size": 0}, ArgumentError, "batch_size must be at least 1"),
    "a share of 1.5": ({"validation": 1.5}, ArgumentError, "between 0 and 1.*received 1.5"),
    "a share of all": ({"validation": 1}, ArgumentError, "between 0 and 1"),
    "a share of yes": ({"validation": True}, ArgumentError, "received bool"),
    "a callback alone": (
        {"callbacks": EarlyStopping()},
        ArgumentError,
        r"a list of Callback objects.*callbacks=\[EarlyStopping\(\)\]",
    ),
    "the class of a callback": (
        {"callbacks": [EarlyStopping]},
        ArgumentError,
        "a list of Callback objects",
    ),
    "a loss that is reduced already": (
        {"loss": lambda p, t: losses.mean(losses.cross_entropy(p, t))},
        ShapeError,
        r"one value an example, here \(20,\); received values of \(\).*reduction=",
    ),
    "a loss with a value an output": (
        {"loss": lambda p, t: (p - t) ** 2, "y": Y, "outputs": 2},
        ShapeError,
        r"received values of \(20, 2\).*sum over the outputs",
    ),
    "a loss that is Python's number": (
        {"loss": lambda p, t: 0.5},
        ArgumentError,
        "a loss gives a tensor.*received float",
    ),
    "a share so small that no row is left": (
        {"validation": 0.01},
        DataError,
        "20 to train, 0 held",
    ),
    "a share that leaves no row of a class": ({"validation": 0.9}, DataError, "every class needs"),
    "a validation that is no share": ({"validation": "20%"}, ArgumentError, "received str"),
    "validation inputs alone": ({"validation": X}, ArgumentError, "received ndarray"),
    "validation targets that do not fit": (
        {"validation": (X, LABELS[:3])},
        ShapeError,
        "as many rows as the inputs",
    ),
    "validation labels out of range": (
        {"validation": (X, LABELS + 1)},
        ArgumentError,
        "between 0 and 3; received 4",
    ),
}


@pytest.mark.parametrize("fault", BAD)
def test_fit_refuses(fault: str) -> None:
    options, error, message = BAD[fault]
    with pytest.raises(error, match=message):
        fit(**options)


@pytest.mark.parametrize("fault", BAD)
def test_refused_input_changes_nothing(fault: str) -> None:
    options = {k: v for k, v in BAD[fault][0].items() if k not in ("outputs", "loss")}
    outputs = BAD[fault][0].get("outputs", 4)
    trainer = gd.Trainer(network(outputs), BAD[fault][0].get("loss", losses.cross_entropy))
    before = network(outputs)[0].weight.numpy()
    with pytest.raises(GradusError):
        trainer.fit(options.pop("x", X), options.pop("y", LABELS), **{"progress": False, **options})
    assert np.array_equal(trainer.network[0].weight.numpy(), before)  # type: ignore[index]
    assert len(trainer.history) == 0


TRAINER: dict[str, tuple[Callable[[], Any], str]] = {
    "a function as network": (
        lambda: gd.Trainer(lambda x: x, losses.cross_entropy),  # type: ignore[arg-type]
        "a gradus.nn.Module; received function",
    ),
    "the name of a loss": (
        lambda: gd.Trainer(network(), "cross_entropy"),  # type: ignore[arg-type]
        r"received 'cross_entropy'. What to do: write losses\.cross_entropy, without quotes",
    ),
    "the name of an optimizer": (
        lambda: gd.Trainer(network(), losses.cross_entropy, "Adam"),  # type: ignore[arg-type]
        r"received 'Adam'. What to do: write optim\.Adam",
    ),
    "the class of an optimizer": (
        lambda: gd.Trainer(network(), losses.cross_entropy, optim.Adam),  # type: ignore[arg-type]
        "an object of gradus.optim",
    ),
    "a group that no parameter belongs to": (
        lambda: gd.Trainer(
            network(), losses.cross_entropy, optim.Adam(groups={"*.bais": {"lr": 0.1}})
        ),
        r"received '\*\.bais' for 0\.weight, 0\.bias",
    ),
    "one metric that is no list": (
        lambda: gd.Trainer(network(), losses.cross_entropy, metrics="accuracy"),
        r"metrics is a list; received 'accuracy'. What to do: write metrics=\[\"accuracy\"\]",
    ),
    "a function as metrics": (
        lambda: gd.Trainer(network(), losses.cross_entropy, metrics=abs),  # type: ignore[arg-type]
        "metrics is a list",
    ),
    "a seed of more than 64 bits": (
        lambda: gd.Trainer(network(), losses.cross_entropy, seed=2**70),
        "64 bits",
    ),
    "an unknown metric": (
        lambda: gd.Trainer(network(), losses.cross_entropy, metrics=["acc"]),
        "accuracy, rmse, mae, r2; received 'acc'",
    ),
    "two metrics of one name": (
        lambda: gd.Trainer(
            network(), losses.cross_entropy, metrics=[lambda p, t: 0.0, lambda p, t: 1.0]
        ),
        "a name of its own.*received <lambda>",
    ),
    "a metric that is called loss": (
        lambda: gd.Trainer(network(), losses.cross_entropy, metrics=[_called_loss()]),
        "none is called loss",
    ),
    "an unknown executor": (
        lambda: gd.Trainer(network(), losses.cross_entropy, executor="gpu"),
        "auto, reference, native; received 'gpu'",
    ),
    "an unknown reduction": (
        lambda: gd.Trainer(network(), losses.cross_entropy, reduction="none"),
        "mean, sum; received none",
    ),
    "no threads": (
        lambda: gd.Trainer(network(), losses.cross_entropy, threads=0),
        "threads must be at least 1",
    ),
    "a seed that is no integer": (
        lambda: gd.Trainer(network(), losses.cross_entropy, seed=0.5),  # type: ignore[arg-type]
        "seed must be a whole number",
    ),
    "a network without parameters": (
        lambda: gd.Trainer(nn.Sequential(nn.ReLU()), losses.cross_entropy),
        "has parameters; received Sequential",
    ),
}


def _called_loss() -> Any:
    def loss(prediction: Any, target: Any) -> float:
        return 0.0

    return loss


@pytest.mark.parametrize("fault", TRAINER)
def test_a_trainer_refuses(fault: str) -> None:
    make, message = TRAINER[fault]
    with pytest.raises(ArgumentError, match=message):
        make()


def test_a_parameter_that_is_no_field_is_refused() -> None:
    class Hiding(nn.Module):
        def __init__(self) -> None:
            self.inner = nn.Linear(3, 4)
            self.hidden = [gd.tensor(1.0, requires_grad=True)]

        def forward(self, x: gd.Tensor) -> gd.Tensor:
            return self.inner(x) * self.hidden[0]

    with pytest.raises(ArgumentError, match=r"a field of a module.*float32\[\].*make it a field"):
        gd.Trainer(Hiding(), losses.cross_entropy).fit(X, LABELS, progress=False)


class Pair(nn.Module):
    """A network that gives what it should not."""

    def __init__(self, give: Callable[[gd.Tensor], Any]) -> None:
        self.inner, self.give = nn.Linear(3, 4), give

    def forward(self, x: gd.Tensor) -> Any:
        return self.give(self.inner(x))


def test_a_network_that_gives_several_tensors_is_refused() -> None:
    trainer = gd.Trainer(Pair(lambda y: (y, y)), losses.cross_entropy)
    with pytest.raises(ArgumentError, match="one tensor, its prediction; received tuple"):
        trainer.fit(X, LABELS, progress=False)
    with pytest.raises(ArgumentError, match="received tuple"):
        trainer.predict(X)


def test_a_network_that_mixes_rows_is_refused() -> None:
    trainer = gd.Trainer(Pair(lambda y: gd.ops.sum(y)), losses.cross_entropy)
    with pytest.raises(ShapeError, match=r"a prediction for each row; received an output of \(\)"):
        trainer.predict(X)


@pytest.mark.parametrize("share", [0, 0.0, np.float32(0.0)])
def test_a_share_of_nothing_is_no_validation(share: float) -> None:
    assert "val_loss" not in fit(validation=share).columns


def test_a_share_may_be_numpys_number() -> None:
    assert "val_loss" in fit(validation=np.float32(0.2)).columns


def test_a_group_may_belong_to_a_parameter_that_is_frozen_for_now() -> None:
    net = network()
    net[0].bias.requires_grad_(False)
    gd.Trainer(net, losses.cross_entropy, optim.Adam(groups={"*.bias": {"lr": 0.1}}))


def test_a_last_batch_that_the_network_cannot_take_is_refused_before_the_first_step() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm(4))
    before = {n: t.numpy().copy() for n, t in net.named_parameters().items()}
    trainer = gd.Trainer(net, losses.cross_entropy, optim.SGD(0.1))
    with pytest.raises(ShapeError, match="two examples or more"):
        trainer.fit(X[:17], LABELS[:17], batch_size=8, progress=False)
    assert all(np.array_equal(t.numpy(), before[n]) for n, t in net.named_parameters().items())
    assert len(trainer.history) == 0


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (changed(X, (1, 1), np.nan), DataError, "row 1, column 1"),
        (X[:, :2], ShapeError, "3 features"),
        (X[0], ShapeError, r"X\.reshape\(1, -1\) for a single row"),
        (X[:0], DataError, "at least one row"),
        (X.astype(str), DtypeError, "inputs are numbers"),
    ],
)
def test_predict_refuses(x: Any, error: type[GradusError], message: str) -> None:
    with pytest.raises(error, match=message):
        gd.Trainer(network(), losses.cross_entropy).predict(x)


def test_evaluate_refuses_labels_out_of_range() -> None:
    with pytest.raises(ArgumentError, match="between 0 and 3; received 6"):
        gd.Trainer(network(), losses.cross_entropy).evaluate(X, LABELS + 6)


def test_the_callers_arrays_stay_as_they_were() -> None:
    x, y, w = X.copy(), LABELS.copy(), np.ones(20)
    fit(x, y, sample_weight=w, epochs=2)
    assert np.array_equal(x, X)
    assert np.array_equal(y, LABELS)
    assert np.array_equal(w, np.ones(20))
