"""Whether a run of measurements may replace a published report, and if not, why."""

import pytest

FULL_ROUNDS = 9
DESELECTED = pytest.StashKey[list]()


def places(config, exitstatus, published, is_whole):
    """Where the files of a report go, or why they go nowhere.

    Parameters
    ----------
    config : pytest.Config
    exitstatus : int
    published : dict of Path
        Where the files of a whole report lie, by name.
    is_whole : bool
        Whether there are rows of every section.

    Returns
    -------
    places : dict of Path
        In the folder that ``--results`` names, if it does.
    reason : str or None
        Why there are none.
    """
    folder = config.getoption("--results")
    if folder is not None:
        return {name: folder / name for name in published}, None
    reason = _incomplete(config, exitstatus, is_whole)
    return ({}, reason) if reason else (published, None)


def _incomplete(config, exitstatus, is_whole):
    """Why the published report stays as it is, or None."""
    if exitstatus != pytest.ExitCode.OK:
        return "not all tests passed"
    chosen = any("::" in argument for argument in config.args)
    if chosen or config.stash[DESELECTED] or not is_whole:
        return "only some of the tests ran"
    if config.getoption("--rounds") < FULL_ROUNDS:
        return f"there were fewer than {FULL_ROUNDS} rounds"
    return None
