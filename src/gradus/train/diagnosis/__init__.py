"""What went wrong or well in training: evidence gathered lazily, one small rule a verdict."""
