"""The photographs that files, folders and patterns stand for."""

import glob
import os
from pathlib import Path

from .errors import PhotoError, access_error, photo_error
from .limits import FORMAT_OF_SUFFIX, SUPPORTED


def find_photos(arguments, *, recursive=False):
    """Find the photographs that files, folders and patterns stand for.

    A file stands for itself. A folder stands for the files in it whose suffix is
    supported, and a pattern with ``*``, ``?`` or ``[`` (``**`` for any folders) for
    those that match; both leave out hidden files and sort by name.

    Parameters
    ----------
    arguments : path-like or iterable of path-like
        What a user named.
    recursive : bool, default=False
        Whether folders stand also for the files in the folders below them.

    Returns
    -------
    photos : list of pathlib.Path
        In the order of the arguments, each file once.
    problems : list of PhotoError
        One for each argument that stands for nothing and each folder that cannot be
        read, so that a caller can report them and go on with the rest.
    """
    if isinstance(arguments, (str, os.PathLike)):
        arguments = [arguments]
    photos, problems = {}, []
    for argument in arguments:
        try:
            for path in _expand(argument, recursive, problems):
                photos.setdefault(os.path.abspath(path), path)
        except PhotoError as problem:
            problems.append(problem)
        except OSError as error:
            problems.append(access_error(argument, error))
    return list(photos.values()), problems


def _expand(argument, recursive, problems):
    text, path, n_before = os.fspath(argument), Path(argument), len(problems)
    # An empty name would otherwise stand for the current folder.
    if text and path.exists() and not path.is_dir():
        return [path]
    if text and path.is_dir():
        found = _photos_in(path, recursive, problems)
        where = "in this folder or below it" if recursive else "in this folder"
        remedy = "name another folder" + ("" if recursive else " or search below it")
    else:
        found = [Path(name) for name in glob.glob(text, recursive=True)]
        where, remedy = "of this name", "check the name"
    found = sorted(path for path in found if _is_photo(path))
    if not found and not problems[n_before:]:
        raise photo_error(text or "''", f"no photograph {where}", SUPPORTED, remedy)
    return found


def _photos_in(folder, recursive, problems):
    def name(error):  # os.walk would pass over what may not be read
        problems.append(access_error(error.filename or folder, error))

    found = []
    for place, folders, files in os.walk(folder, onerror=name):
        found += [Path(place, file) for file in files if not file.startswith(".")]
        below = [inner for inner in folders if not inner.startswith(".")]
        folders[:] = below if recursive else []
    return found


def _is_photo(path):
    return path.suffix.lower() in FORMAT_OF_SUFFIX and path.is_file()
