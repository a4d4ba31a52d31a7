"""How far what was read of a blur is from the truth. Pure functions."""

from statistics import fmean

from .summary import grouped

# A Gaussian whose sigmas differ by more has a direction.
ROUND_RATIO = 1.4
TAKEN_FOR_BLURRED = 0.6  # pixels


def kind_of(blur):
    """The kind of a blur, of which a Gaussian with a direction is one of its own.

    Parameters
    ----------
    blur : pydbcnn.Blur

    Returns
    -------
    kind : str
    """
    if blur.kind != "gaussian":
        return blur.kind
    has_direction = blur.sigma_major > ROUND_RATIO * blur.sigma_minor
    return "long gaussian" if has_direction else "gaussian"


def is_kind_right(true, found):
    """Whether a blur was given the name of its kind."""
    return kind_of(true) == kind_of(found)


def is_taken_for_blurred(reading):
    """Whether more was read than a sharp photograph may have."""
    return reading.found.sigma > TAKEN_FOR_BLURRED


def sigma_error(reading):
    """Error of the equivalent sigma in pixels; a blur not named has 0."""
    return abs(reading.found.sigma - reading.true.sigma)


def size_error(reading):
    """Error of a radius or length as a share, or None without one to compare."""
    true, found = reading.true, reading.found
    if true.kind not in ("defocus", "motion") or true.kind != found.kind:
        return None
    return abs(found.strength / true.strength - 1)


def angle_error(reading):
    """Error of a direction in degrees, or None without one to compare."""
    true, found = reading.true, reading.found
    if true.angle is None or not is_kind_right(true, found):
        return None
    difference = abs(found.angle - true.angle) % 180
    return min(difference, 180 - difference)


def noise_error(reading):
    """Error of the noise as a share of what was drawn, or None without noise."""
    if not reading.noise or reading.found.noise is None:
        return None
    return abs(reading.found.noise.std / reading.noise - 1)


def mean(figure, readings):
    """Mean of a figure, of those readings that have it; None if none has.

    Parameters
    ----------
    figure : callable
        From a reading to a number or None.
    readings : list of naming.Reading
    """
    found = [value for value in map(figure, readings) if value is not None]
    return fmean(found) if found else None


def kind_share(readings):
    """The share of blurs with the right name."""
    return mean(lambda reading: is_kind_right(reading.true, reading.found), readings)


def blurred_share(readings):
    """The share of photographs taken for blurred."""
    return mean(is_taken_for_blurred, readings)


def mean_loss(readings):
    """What the names cost in dB."""
    return mean(lambda reading: reading.loss, readings)


def worst_loss(readings):
    """The mean loss of the case that loses most."""
    cases = grouped(readings, "blur_name", "rest_name").values()
    losses = [mean_loss(case) for case in cases]
    return max((loss for loss in losses if loss is not None), default=None)
