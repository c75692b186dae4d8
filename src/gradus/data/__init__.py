"""Tables, sparse rows, encoders, text, bundled and toy data, splits, batches; never tensors."""

from gradus.data.batches import batch_bounds, epoch_order
from gradus.data.bundled import BUNDLED, load
from gradus.data.encoders import TableEncoder
from gradus.data.ngrams import NGrams
from gradus.data.schema import KINDS, Column, infer_schema
from gradus.data.sparse import SparseEncoder, pack_rows
from gradus.data.split import split_indices
from gradus.data.table import Table
from gradus.data.target import TargetEncoder
from gradus.data.text import Alphabet, split_text, windows
from gradus.data.toy import blobs, circles, moons, spirals, xor

__all__ = [
    "BUNDLED",
    "KINDS",
    "Alphabet",
    "Column",
    "NGrams",
    "SparseEncoder",
    "Table",
    "TableEncoder",
    "TargetEncoder",
    "batch_bounds",
    "blobs",
    "circles",
    "epoch_order",
    "infer_schema",
    "load",
    "moons",
    "pack_rows",
    "spirals",
    "split_indices",
    "split_text",
    "windows",
    "xor",
]
