"""The paper: its layers, its formulas, and how they depend on the blur."""


def __getattr__(name):
    from .._moved import moved_class

    return moved_class(__name__, name)
