"""What holds for the whole room: its imports stay light, and its public names are documented."""

import subprocess
import sys

import gradus.data


def test_importing_the_room_imports_no_heavy_library():
    code = (
        "import sys, gradus.data; "
        "print([m for m in ('pyarrow', 'sklearn', 'pandas', 'scipy') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_every_public_class_and_function_says_what_it_does():
    public = [getattr(gradus.data, name) for name in gradus.data.__all__]
    assert all(thing.__doc__ for thing in public if callable(thing))
