"""From pairs of blurred and sharp images to a trained model."""


def __getattr__(name):
    from .._moved import moved_class

    return moved_class(__name__, name)
