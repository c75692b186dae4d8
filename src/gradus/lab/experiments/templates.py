"""Linear classifiers: one template a class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradus import losses, nn, optim
from gradus.explain import templates as draw_templates
from gradus.lab.experiment import Finding, Picture, Setting, experiment, verdict
from gradus.lab.networks import accuracy, digits, fit, mlp
from gradus.types import Array


def _agreement(weights: Array, X: Array, y: Array) -> list[int]:
    """Classes whose template is more like their own mean image than like that of any other."""
    means = np.stack([X[y == k].mean(axis=0) for k in range(10)]) - X.mean(axis=0)
    alike = np.corrcoef(weights - weights.mean(axis=0), means)[:10, 10:]
    return [k for k in range(10) if alike[k].argmax() == k]


@experiment(
    "What does a linear classifier learn?",
    lecture="002",
    claim="One template a class, more like the class's mean image than like any other's, with "
    "softmax loss and with max-margin loss alike.",
)
def templates(setting: Setting) -> Finding:
    """Both losses on the digits; the weights as images, and compared with the mean images."""
    from matplotlib.figure import Figure

    X, y, X_new, y_new = digits(setting.seed)
    kinds: dict[str, Callable[..., Any]] = {
        "softmax": losses.cross_entropy,
        "max-margin": losses.max_margin,
    }
    told, alike = {}, {}
    pictures = []
    networks: dict[str, nn.Module] = {}
    for name, loss in kinds.items():
        network = mlp(64, 10, seed=setting.seed)
        fit(
            network, X, y, loss=loss, rule=optim.SGD(0.05, weight_decay=1e-3), batch_size=32,
            epochs=setting.pick(30, 200), seed=setting.seed,
        )  # fmt: skip
        told[name] = accuracy(network, X_new, y_new)
        networks[name] = network
        alike[name] = _agreement(network.parameters()[0].numpy(), X, y)
        picture: Figure = draw_templates(network[0], (8, 8))
        pictures.append(
            Picture(
                picture,
                f"The ten templates learnt with {name} loss: ink on red pixels speaks for the "
                "class, on blue ones against it.",
            )
        )
    both = [len(found) for found in alike.values()]
    return Finding(
        verdict(min(both) == 10 and min(told.values()) > 0.9, in_part=min(both) >= 5),
        f"Of held-out digits {told['softmax']:.1%} are told with softmax loss, "
        f"{told['max-margin']:.1%} with max-margin loss. {both[0]} and {both[1]} of the 10 "
        "templates are more like the mean image of their own class than like any other's.",
        "Trained one linear layer 64-10 on the digits with both losses and a little weight decay, "
        "drew each class's weights as an image, and correlated them with the mean images.",
        {"held_out_accuracy": told, "templates_like_their_class": alike},
        pictures,
        remark="A template is no picture of its class: it shows what tells the class from the "
        "others. And there is one for all ways to write a digit, such as a 7 with a bar and "
        "one without.",
    )
