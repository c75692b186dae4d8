"""How well gradus learns by default, beside scikit-learn's models: ``make learn``.

`sets.py` and `generated.py` have the tables that are reported, `choosing.py` others, on which
defaults are chosen. `models.py` names who is compared. Each model has a process of its own
(`benchmarks.worker`), all take the same folds in turn (`compare.py`), and every fit is kept in a
file of rows as soon as it is done (`cache.py`), so that a run can be stopped and taken up again.
"""
