"""Files of models: networks with their preprocessing."""

from gradus.io.model import Model, read_model, write_model

__all__ = ["Model", "read_model", "write_model"]
