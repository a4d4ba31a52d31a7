"""Blurs in words, as people are told of them."""


def blur_in_words(blur):
    """What a blur is, without its noise, such as "motion of 5.1 pixels at 21 degrees".

    Parameters
    ----------
    blur : Blur

    Returns
    -------
    words : str
    """
    return _WORDS[blur.kind](blur)


def number_in_words(number):
    """A number with one decimal, or where that would be 0, with one digit."""
    return f"{number:.1f}" if number >= 0.1 or number == 0 else f"{number:.1g}"


def _none(blur):
    return "sharp"


def _gaussian(blur):
    major, minor = map(number_in_words, (blur.sigma_major, blur.sigma_minor))
    if blur.angle is None:
        return f"Gaussian blur of sigma {major} pixels"
    return f"Gaussian blur of {major} x {minor} pixels at {_angle(blur.angle)}"


def _defocus(blur):
    return f"out of focus by a radius of {number_in_words(blur.radius)} pixels"


def _motion(blur):
    return f"motion of {number_in_words(blur.length)} pixels at {_angle(blur.angle)}"


def _kernel(blur):
    sides = f"{len(blur.weights[0])} x {len(blur.weights)} pixels"
    sigma = number_in_words(blur.sigma)
    return f"kernel of {sides}, as wide as a Gaussian of sigma {sigma}"


def _unknown(blur):
    return "cannot tell"


def _angle(angle):
    degrees = round(angle) % 180
    return "1 degree" if degrees == 1 else f"{degrees} degrees"


_WORDS = {
    "none": _none,
    "gaussian": _gaussian,
    "defocus": _defocus,
    "motion": _motion,
    "kernel": _kernel,
    "unknown": _unknown,
}
