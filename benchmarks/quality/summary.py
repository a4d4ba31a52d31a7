"""From the figures of single photographs to those of sets. Pure functions."""

from statistics import fmean

from .methods import INPUT


def grouped(rows, *fields):
    """Rows by the values of some of their fields, as a dict of list."""
    groups = {}
    for row in rows:
        groups.setdefault(tuple(getattr(row, name) for name in fields), []).append(row)
    return groups


def best_settings(scores):
    """The setting with the highest mean PSNR.

    Parameters
    ----------
    scores : list of Score

    Returns
    -------
    settings : dict
        By method, set and sigma; None for methods without settings.
    """
    return {
        case: max(
            grouped(group, "setting").items(),
            key=lambda item: fmean(score.psnr for score in item[1]),
        )[0][0]
        for case, group in grouped(scores, "method", "set", "sigma").items()
    }


def at_best(scores):
    """The scores that were reached with the best settings."""
    best = best_settings(scores)
    return [
        score
        for score in scores
        if score.setting == best[score.method, score.set, score.sigma]
    ]


def means(scores, figure):
    """Mean of "psnr" or "ssim" over photographs, by method, set and sigma."""
    return {
        case: fmean(getattr(score, figure) for score in group)
        for case, group in grouped(scores, "method", "set", "sigma").items()
    }


def estimate_errors(estimates):
    """Mean absolute error of sigma in pixels, by model, set and sigma."""
    return {
        case: fmean(abs(estimate.value - estimate.sigma) for estimate in group)
        for case, group in grouped(estimates, "model", "set", "sigma").items()
    }


def is_worse(score, before):
    """Whether a photograph came out worse than it went in.

    Where there was blur, it did if its PSNR fell. Where there was none, any change of
    any pixel made it worse.

    Parameters
    ----------
    score : Score
    before : float
        PSNR of the input.
    """
    return score.is_changed if score.sigma == 0 else score.psnr < before


def before(scores):
    """PSNR of the inputs, by file and sigma."""
    return {
        (score.file, score.sigma): score.psnr
        for score in scores
        if score.method == INPUT
    }


def worse_counts(scores, field):
    """How many came out worse, of how many.

    Parameters
    ----------
    scores : list of Score
        Among them those of the inputs.
    field : {"set", "sigma"}
        What they are counted by.

    Returns
    -------
    counts : dict of (int, int)
        By method and `field`.
    """
    inputs = before(scores)
    return {
        case: (
            sum(is_worse(score, inputs[score.file, score.sigma]) for score in group),
            len(group),
        )
        for case, group in grouped(scores, "method", field).items()
        if case[0] != INPUT
    }


def worst(scores, method, n_blurred, n_sharp):
    """The cases in which a method did worst, with the PSNR of their inputs.

    Parameters
    ----------
    scores : list of Score
    method : str
    n_blurred : int
        How many with blur, those with the smallest gain.
    n_sharp : int
        How many without, those with the lowest PSNR; only if they were changed.

    Returns
    -------
    cases : list of (Score, float)
    """
    inputs = before(scores)
    cases = [
        (score, inputs[score.file, score.sigma])
        for score in scores
        if score.method == method
    ]
    with_blur = [case for case in cases if case[0].sigma]
    without = [case for case in cases if not case[0].sigma and case[0].is_changed]
    with_blur.sort(key=lambda case: case[0].psnr - case[1])
    without.sort(key=lambda case: case[0].psnr)
    return with_blur[:n_blurred] + without[:n_sharp]
