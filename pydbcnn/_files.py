"""Files that appear whole or not at all."""

import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

_MAX_MODEL_BYTES = 2**30


def refuse_existing(path, *, overwrite):
    """Raise `FileExistsError` with the remedy when `path` may not be replaced."""
    if not overwrite and os.path.lexists(path):
        raise FileExistsError(
            f"{os.fspath(path)} exists already and is not replaced: choose another "
            "name, or pass overwrite=True (--overwrite on the command line)."
        )


def check_folder(path):
    """Raise `FileNotFoundError` with the remedy where there is no folder for it."""
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"The folder {path.parent} of {path.name} does not exist: create it first."
        )


@contextmanager
def whole_file(path, *, overwrite=False):
    """Write a file beside its place and move it there when it is complete.

    Parameters
    ----------
    path : path-like
        Where the finished file belongs. Its folder must exist.
    overwrite : bool, default=False
        Whether a file that is already there may be replaced.

    Yields
    ------
    pathlib.Path
        A temporary path in the same folder and with the same suffix. It is
        removed when the block raises.

    Raises
    ------
    FileExistsError
        When `path` exists and `overwrite` is false, even when it appeared while
        the block ran.
    """
    path = Path(path)
    refuse_existing(path, overwrite=overwrite)
    check_folder(path)
    handle, name = tempfile.mkstemp(
        prefix=f".{path.stem[:40]}-", suffix=path.suffix, dir=path.parent
    )
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        _use_default_permissions(temporary)
        _move(temporary, path, overwrite=overwrite)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def _use_default_permissions(path):
    # mkstemp makes files that only their owner can read; a photograph is no secret.
    mask = os.umask(0)
    os.umask(mask)
    path.chmod(0o666 & ~mask)


def _move(temporary, path, *, overwrite):
    if overwrite:
        os.replace(temporary, path)
        return
    try:
        # Unlike a rename, a link fails when the name was taken in the meantime.
        os.link(temporary, path)
    except FileExistsError:
        refuse_existing(path, overwrite=False)
    except OSError:  # a file system without hard links
        refuse_existing(path, overwrite=False)
        os.replace(temporary, path)


def read_tensors(path, expected_format, version):
    """Tensors and metadata of a safetensors file, after checks of its form."""
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    if path.stat().st_size > _MAX_MODEL_BYTES:
        raise ValueError(f"{path} is larger than any model of pydbcnn: it is not read.")
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != expected_format:
                raise ValueError(
                    f"{path} is a safetensors file, but not one of format "
                    f"{expected_format!r} (found {metadata.get('format')!r})."
                )
            if metadata.get("format_version") not in map(str, range(1, version + 1)):
                raise ValueError(
                    f"{path} was written by a newer pydbcnn (format version "
                    f"{metadata.get('format_version')}, this one reads {version}): "
                    "upgrade."
                )
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(
            f"{path} is not a safetensors file, or a damaged one: {error}."
        ) from error
