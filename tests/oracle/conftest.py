"""PyTorch on one thread: these tests are small, and waiting for a second one costs far more."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)
