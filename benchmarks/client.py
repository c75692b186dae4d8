"""The bench's side of a worker: start it, ask it, and keep it stopped while others are timed."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from benchmarks.machine import environment

ROOT = Path(__file__).parents[1]
_PATIENCE = 120.0  # seconds that an answer may take


class WorkerError(Exception):
    """A worker could not do what it was asked."""


class Worker:
    """One framework in a process of its own.

    Between two requests the process is stopped by a signal, so that no thread of it waits in a
    loop on the cores of the one that is timed.
    """

    def __init__(self, name: str, cores: list[int], job: dict[str, Any]) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", json.dumps({**job, "cores": cores})],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env=environment(len(cores)),
        )
        self._answer(_PATIENCE)

    def ask(self, do: str, *, timeout: float = _PATIENCE, **arguments: Any) -> dict[str, Any]:
        """Send a request and wait for its answer.

        Raises:
            WorkerError: the worker failed, died, or took too long; it is ended.
        """
        assert self._process.stdin is not None
        self._process.send_signal(signal.SIGCONT)
        self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        self._process.stdin.flush()
        return self._answer(timeout)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def __enter__(self) -> Worker:
        """The worker, closed at the end of the block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def _answer(self, timeout: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        pipe, text = self._process.stdout.fileno(), b""
        while not text.endswith(b"\n"):
            ready, _, _ = select.select([pipe], [], [], timeout)
            read = os.read(pipe, 65536) if ready else b""
            if not read:
                reason = "the process died" if ready else f"no answer within {timeout:g} s"
                self.close()
                raise WorkerError(reason)
            text += read
        answer: dict[str, Any] = json.loads(text)
        if "error" in answer:
            self.close()
            raise WorkerError(answer["error"])
        self._process.send_signal(signal.SIGSTOP)
        return answer
