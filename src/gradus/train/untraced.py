"""The lock of networks that are being traced.

Tracing puts symbols in the place of a network's weights: other threads must not meet them, nor a
child process be forked with them.
"""

from __future__ import annotations

import os
import threading

untraced = threading.RLock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=untraced.acquire,
        after_in_parent=untraced.release,
        after_in_child=untraced.release,
    )
