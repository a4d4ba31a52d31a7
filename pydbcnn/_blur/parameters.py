"""What describes a blur of each kind, and what it may be."""

from .kernels import MAX_LENGTH, MAX_RADIUS, MAX_SIGMA, MIN_SIGMA, check_kernel
from .value import check_number

PARAMETERS = {
    "none": (),
    "gaussian": ("sigma_major", "sigma_minor", "angle"),
    "defocus": ("radius",),
    "motion": ("length", "angle"),
    "kernel": ("weights",),
    "unknown": (),
}
ALL_PARAMETERS = (
    "sigma_major",
    "sigma_minor",
    "angle",
    "radius",
    "length",
    "weights",
)


def checked_parameters(kind, **given):
    """The parameters of a blur in the form in which it keeps them.

    Parameters
    ----------
    kind : str
        One of `PARAMETERS`.
    **given
        All of `ALL_PARAMETERS`; None for those that the kind has not.

    Returns
    -------
    parameters : dict
        Numbers as float, the angle in the half turn that counts, and the rows of a
        kernel as tuples.

    Raises
    ------
    ValueError
        When there is no such kind, when a parameter is missing or belongs to another
        kind, or when it is no number or out of its range.
    """
    if not isinstance(kind, str) or kind not in PARAMETERS:
        raise ValueError(f"kind={kind!r}: expected one of {', '.join(PARAMETERS)}.")
    names = PARAMETERS[kind]
    for name, value in given.items():
        if value is not None and name not in names:
            raise ValueError(
                f"{name}={value!r}: a blur of the kind {kind!r} has none; it is "
                f"described by {', '.join(names) or 'its kind alone'}."
            )
        if value is None and name in names and name != "angle":
            raise ValueError(
                f"{name} is missing: a blur of the kind {kind!r} is described by "
                f"{', '.join(names)}."
            )
    if kind in _CHECKS:
        given |= _CHECKS[kind](*(given[name] for name in names))
    return given


def half_turn(angle):
    """The same direction from 0 up to, and without, 180 degrees."""
    turned = angle % 180.0
    return 0.0 if turned == 180.0 else turned  # as of -1e-20, which rounds up


def _check_gaussian(sigma_major, sigma_minor, angle):
    major = check_number("sigma", sigma_major, 0, MAX_SIGMA, "pixels")
    if major == 0:
        raise ValueError(
            "sigma=0 does not blur: use Blur.none() for an image that is sharp."
        )
    minor = check_number("sigma_minor", sigma_minor, 0, MAX_SIGMA, "pixels")
    if minor == major:
        if angle is not None:
            _check_angle(angle)
        return dict(sigma_major=major, sigma_minor=major, angle=None)
    check_number("sigma_minor", minor, MIN_SIGMA, MAX_SIGMA, "pixels")
    if minor > major:
        raise ValueError(
            f"sigma_minor={minor!r} is above sigma={major!r}: exchange them, and turn "
            "the angle by 90 degrees if it was meant for the shorter axis."
        )
    return dict(sigma_major=major, sigma_minor=minor, angle=_check_angle(angle))


def _check_angle(angle):
    return half_turn(check_number("angle", angle, -360, 360, "degrees"))


def _check_defocus(radius):
    return dict(radius=check_number("radius", radius, 0, MAX_RADIUS, "pixels"))


def _check_motion(length, angle):
    length = check_number("length", length, 0, MAX_LENGTH, "pixels")
    return dict(length=length, angle=_check_angle(angle))


def _check_weights(weights):
    kernel = check_kernel(weights, "kernel")
    return dict(weights=tuple(tuple(row) for row in kernel.tolist()))


_CHECKS = {
    "gaussian": _check_gaussian,
    "defocus": _check_defocus,
    "motion": _check_motion,
    "kernel": _check_weights,
}
