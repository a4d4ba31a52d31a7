"""Files that appear whole or not at all."""

import errno
import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

_MAX_MODEL_BYTES = 2**30
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# The answers of file systems that have no way to sync a file or a folder.
_CANNOT_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.ENOSYS}


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


def write_whole(path, content, *, overwrite=False):
    """Write a file that appears with all of its bytes or not at all.

    Parameters
    ----------
    path : path-like
        Where the file belongs. Its folder must exist.
    content : bytes-like
        All of the file. Other libraries write into memory and not into the file, as
        some of them do not notice that a full disk takes a part of it only.
    overwrite : bool, default=False
        Whether a file that is already there may be replaced.

    Raises
    ------
    FileExistsError
        When `path` exists and `overwrite` is false, even when it appeared meanwhile.
    FileNotFoundError
        When the folder does not exist.
    OSError
        When the system does not take all bytes; it names `path`.
    """
    try:
        with whole_file(path, overwrite=overwrite) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        if error.errno is None:  # one of our own, which says all there is to say
            raise
        raise _refusal_to_write(error, path) from error


def _refusal_to_write(error, path):
    # The system names the temporary file, or none at all.
    remedy = "check the disk and who may write there"
    if error.errno in _NO_ROOM:
        remedy = "make room there or choose another folder"
    return OSError(error.errno, f"{error.strerror}; {remedy}", os.fspath(path))


@contextmanager
def whole_file(path, *, overwrite=False):
    """Write a file beside its place and move it there when it is on the disk.

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
    OSError
        When the file does not reach the disk, or when it is there and its name is not.
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
        _bring_to_disk(temporary)
        _move(temporary, path, overwrite=overwrite)
        _sync_folder(path.parent)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def _bring_to_disk(path):
    # A file system may save a new name long before the content, and after a power cut
    # an empty file would stand in place of a good one.
    with path.open("r+b") as stream:  # first, as the permissions may forbid it
        _use_default_permissions(path)
        _sync(stream.fileno())


def _sync_folder(path):
    # Without it, a power cut may take the new name away. A folder that may be written
    # but not read cannot be opened, and on Windows no folder can.
    with suppress(PermissionError):
        handle = os.open(path, os.O_RDONLY)
        try:
            _sync(handle)
        finally:
            os.close(handle)


def _sync(handle):
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise


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
    else:
        # Before the folder is synced, or a power cut could leave both names.
        temporary.unlink()


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
