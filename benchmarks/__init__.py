"""Programs that measure gradus beside other frameworks: ``python -m benchmarks`` (``make bench``).

A workload is the same network, data, start, order of rows, loss and optimizer for everyone. Each
framework runs in a process of its own (`worker.py`), which the bench asks in turn (`rounds.py`);
what it says is compared before it is timed (`training.py`, `prediction.py`).
"""
