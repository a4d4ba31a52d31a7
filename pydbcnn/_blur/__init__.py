"""What is known about a blur and about noise: values, and the kernels of blurs."""


def __getattr__(name):
    from .._moved import moved_class

    return moved_class(__name__, name)
