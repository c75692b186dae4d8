"""Files: the model file, which cannot run code."""

from gradus.io.model import Model, load, read_model, save, write_model

__all__ = ["Model", "load", "read_model", "save", "write_model"]
