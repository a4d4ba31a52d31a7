"""The deblur dataset: sharp photographs, Gaussian blur, stored pairs."""

import json
import os
import zlib
from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np
from sklearn.utils import Bunch

from ._degradations.ranges import check_range
from ._files import write_whole
from ._photos import Photo, find_photos, read_photo, write_photo
from ._pixels.gaussian import check_kernel_size, gaussian_blur, kernel_size_for
from ._pixels.values import luminance
from ._progress import progress_bar

__all__ = ["load_deblur_dataset", "load_sample_images", "make_deblur_dataset"]

MANIFEST = "manifest.json"
FORMAT = "pydbcnn-deblur-dataset"
FORMAT_VERSION = 1
_ENTRY = {
    "file": str,
    "sharp": str,
    "blurred": str,
    "sigma": (int, float),
    "height": int,
    "width": int,
}


def load_sample_images():
    """Two sharp photographs that come with scikit-learn.

    Returns
    -------
    images : list of 2 ndarray of shape (427, 640, 3), uint8
        A pagoda and a flower, RGB.

    Examples
    --------
    >>> from pydbcnn.datasets import load_sample_images
    >>> [image.shape for image in load_sample_images()]
    [(427, 640, 3), (427, 640, 3)]
    """
    from sklearn.datasets import load_sample_image

    return [np.array(load_sample_image(name)) for name in ("china.jpg", "flower.jpg")]


def make_deblur_dataset(
    sharp_dir,
    out_dir,
    *,
    sigma=1.6,
    kernel_size=None,
    seed=0,
    recursive=False,
    quiet=False,
):
    """Make pairs of sharp and blurred images on disk.

    Each photograph is blurred with ``cv2.GaussianBlur`` and stored, with its blurred
    twin, as PNG: ``sharp/NAME.png`` and ``blurred/NAME.png``. A manifest says what
    was done. Interrupted and called again, it goes on where it stopped and ends with
    the same files; the same seed gives the same files.

    Parameters
    ----------
    sharp_dir : path-like
        Folder of sharp photographs: JPEG, PNG, TIFF or WebP.
    out_dir : path-like
        New folder for the dataset, or one that an interrupted call has begun.
    sigma : float or tuple of 2 float, default=1.6
        Standard deviation of the Gaussian in pixels, or a range (low, high) from
        which each image draws its own. The draw depends on `seed` and the name of the
        file alone.
    kernel_size : int, default=None
        Odd side of the kernel; None reaches 4 sigma on every side.
    seed : int, default=0
        Draws the sigmas.
    recursive : bool, default=False
        Whether photographs in subfolders count.
    quiet : bool, default=False
        Whether to do without the progress bar.

    Returns
    -------
    summary : Bunch
        ``n_made``, ``n_kept`` from an earlier call; ``problems``, messages on
        photographs that could not be read, while the rest is made; and ``notes``, what
        photographs hold that the pairs do not, such as alpha.

    Raises
    ------
    ValueError
        When a parameter does not fit, there are no photographs, or `out_dir` holds
        something else.

    Examples
    --------
    >>> import tempfile, pathlib, cv2
    >>> from pydbcnn.datasets import (
    ...     load_deblur_dataset, load_sample_images, make_deblur_dataset)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sharp = pathlib.Path(folder, "photos")
    ...     sharp.mkdir()
    ...     for i, image in enumerate(load_sample_images()):
    ...         _ = cv2.imwrite(f"{sharp}/{i}.png", image[:32, :48, ::-1])
    ...     summary = make_deblur_dataset(sharp, f"{folder}/pairs", sigma=(0.5, 3.0))
    ...     dataset = load_deblur_dataset(f"{folder}/pairs")
    >>> summary.n_made, dataset.X[0].shape, [round(s, 2) for s in dataset.sigma]
    (2, (32, 48, 3), [1.85, 2.08])
    """
    sharp_dir, out_dir = Path(sharp_dir), Path(out_dir)
    _check_parameters(sigma, kernel_size, seed)
    photos, problems = _photos_of(sharp_dir, out_dir, recursive)
    settings = {
        "sigma": list(sigma) if isinstance(sigma, (tuple, list)) else sigma,
        "kernel_size": kernel_size,
        "seed": seed,
        "files": [path.relative_to(sharp_dir).as_posix() for path in photos],
    }
    _begin(out_dir, settings)
    names = _names(settings["files"])
    summary = Bunch(n_made=0, n_kept=0, problems=problems, notes=[])
    entries = []
    for path, file, name in progress_bar(
        list(zip(photos, settings["files"], names, strict=True)),
        disable=quiet,
        unit=" photos",
    ):
        try:
            entries.append(_make_pair(path, file, out_dir, name, settings, summary))
        except (ValueError, OSError) as error:
            summary.problems.append(str(error))
    _write_manifest(out_dir, settings, entries, complete=True)
    return summary


def _check_parameters(sigma, kernel_size, seed):
    check_range("sigma", sigma, "pixels")
    if kernel_size is None:
        kernel_size_for(np.max(sigma))
    else:
        check_kernel_size(kernel_size)
    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"seed={seed!r}: expected an integer of at least 0.")


def _photos_of(sharp_dir, out_dir, recursive):
    """Photographs of a folder but not of the dataset, and what cannot be read."""
    if not sharp_dir.is_dir():
        raise ValueError(f"{sharp_dir} is not a folder: pass a folder of photographs.")
    photos, problems = find_photos([sharp_dir], recursive=recursive)
    if out_dir != sharp_dir:  # what an earlier call has made is no source
        photos = [photo for photo in photos if not photo.is_relative_to(out_dir)]
    if not photos:
        remedy = "" if recursive else ", or recursive=True for its subfolders"
        raise ValueError(
            f"There are no photographs (JPEG, PNG, TIFF or WebP) in {sharp_dir}: pass "
            f"another folder{remedy}."
        )
    return photos, [str(problem) for problem in problems]


def _begin(out_dir, settings):
    """Claim the folder, or find that it was begun with the same settings."""
    if not out_dir.exists() or not any(out_dir.iterdir()):
        out_dir.mkdir(parents=True, exist_ok=True)
        _write_manifest(out_dir, settings, [], complete=False)
    before = _read_manifest(out_dir)["settings"]
    changed = [name for name in settings if before.get(name) != settings[name]]
    if changed:
        raise ValueError(
            f"{out_dir} holds a dataset made with other settings ({', '.join(changed)} "
            "differ): choose another folder, or remove this one first."
        )
    for side in ("sharp", "blurred"):
        (out_dir / side).mkdir(exist_ok=True)


def _names(files):
    """A name for each file, without its suffix where that is clear enough."""
    stems = [PurePosixPath(file).with_suffix("").as_posix() for file in files]
    count = Counter(stem.lower() for stem in stems)
    taken, names = set(), []
    for stem, file in zip(stems, files, strict=True):
        base = name = stem if count[stem.lower()] == 1 else file.replace(".", "_")
        number = 2
        while name.lower() in taken:
            name, number = f"{base}_{number}", number + 1
        taken.add(name.lower())
        names.append(f"{name}.png")
    return names


def _make_pair(path, file, out_dir, name, settings, summary):
    """Write what is missing of a pair; returns its entry in the manifest."""
    sharp_path, blurred_path = out_dir / "sharp" / name, out_dir / "blurred" / name
    sigma = _draw_sigma(settings["sigma"], settings["seed"], file)
    kernel_size = settings["kernel_size"] or kernel_size_for(sigma)
    if sharp_path.exists() and blurred_path.exists():
        pixels = read_photo(sharp_path).pixels
        summary.n_kept += 1
    else:
        photo = read_photo(path)
        pixels = photo.pixels
        summary.notes += [f"{path}: {note}" for note in _left_out(photo)]
        blurred = gaussian_blur(pixels, sigma, kernel_size=kernel_size)
        for place, content in ((sharp_path, pixels), (blurred_path, blurred)):
            place.parent.mkdir(parents=True, exist_ok=True)
            write_photo(place, Photo(content), overwrite=True)
        summary.n_made += 1
    return {
        "file": file,
        "sharp": f"sharp/{name}",
        "blurred": f"blurred/{name}",
        "sigma": sigma,
        "kernel_size": kernel_size,
        "height": pixels.shape[0],
        "width": pixels.shape[1],
        "channels": 1 if pixels.ndim == 2 else pixels.shape[2],
        "type": pixels.dtype.name,
    }


def _left_out(photo):
    return [*photo.notes, *(["alpha is not kept"] if photo.alpha is not None else [])]


def _draw_sigma(sigma, seed, file):
    if not isinstance(sigma, list):
        return float(sigma)
    # By name, not by turn: adding a photograph leaves the others as they are.
    generator = np.random.default_rng([seed, zlib.crc32(os.fsencode(file))])
    return float(generator.uniform(*sigma))


def _write_manifest(out_dir, settings, entries, *, complete):
    manifest = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "complete": complete,
        "settings": settings,
        "images": entries,
    }
    content = (json.dumps(manifest, indent=1) + "\n").encode()
    write_whole(out_dir / MANIFEST, content, overwrite=True)


def _read_manifest(folder):
    path = Path(folder) / MANIFEST
    if not path.is_file():
        raise ValueError(
            f"{folder} is not a deblur dataset: it has no {MANIFEST}. Make one with "
            "pydbcnn make-dataset SHARP_DIR OUT_DIR, in a new folder."
        )
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if manifest["format"] != FORMAT or manifest["format_version"] > FORMAT_VERSION:
            raise ValueError("another format, or a newer version of it")
        manifest["settings"].items(), manifest["complete"]
        for entry in manifest["images"]:
            _check_entry(entry)
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is not a manifest of a deblur dataset ({error}): make the dataset "
            "anew in another folder."
        ) from error
    return manifest


def _check_entry(entry):
    for name, kind in _ENTRY.items():
        if not isinstance(entry[name], kind):
            raise ValueError(f"{name} of an image is {entry[name]!r}")


def load_deblur_dataset(folder, *, channels=None, quiet=True):
    """Read a dataset that `make_deblur_dataset` has made.

    Parameters
    ----------
    folder : path-like
        What `make_deblur_dataset` has made.
    channels : {1, 3} or None, default=None
        Number of channels to bring the images to: 3 repeats greyscale images, 1 takes
        the luminance (BT.601). None leaves them as they are, and all must agree.
    quiet : bool, default=True
        Whether to do without a progress bar.

    Returns
    -------
    dataset : Bunch
        ``X`` and ``y``, lists of blurred and sharp (height, width[, 3]) arrays;
        ``sigma``, list of float; ``files``, names of the photographs they came from.

    Raises
    ------
    ValueError
        When the folder is no dataset, an unfinished one, or its images do not agree
        with the manifest or with each other.

    Examples
    --------
    See `make_deblur_dataset`.
    """
    if channels not in (None, 1, 3):
        raise ValueError(f"channels={channels!r}: expected 1, 3 or None.")
    folder = Path(folder)
    manifest = _read_manifest(folder)
    if not manifest["complete"]:
        raise ValueError(
            f"{folder} is an unfinished dataset: run the same make-dataset again to "
            "finish it."
        )
    if not manifest["images"]:
        raise ValueError(
            f"{folder} is an empty dataset: none of its photographs could be read."
        )
    dataset = Bunch(X=[], y=[], sigma=[], files=[])
    for entry in progress_bar(manifest["images"], disable=quiet, unit=" pairs"):
        for side, images in (("blurred", dataset.X), ("sharp", dataset.y)):
            images.append(_with_channels(_read_side(folder, entry, side), channels))
        dataset.sigma.append(float(entry["sigma"]))
        dataset.files.append(entry["file"])
    _check_agree(dataset.X, dataset.files)
    return dataset


def _read_side(folder, entry, side):
    name = PurePosixPath(entry[side])
    # A manifest from elsewhere must not reach outside its folder.
    if name.is_absolute() or ".." in name.parts:
        raise ValueError(f"{folder / MANIFEST} names {name}, outside its folder.")
    pixels = read_photo(folder / name).pixels
    if pixels.shape[:2] != (entry["height"], entry["width"]):
        raise ValueError(
            f"{folder / name} is {pixels.shape[0]} x {pixels.shape[1]} pixels, but "
            f"the manifest says {entry['height']} x {entry['width']}: make the dataset "
            "anew."
        )
    return pixels


def _with_channels(pixels, channels):
    if channels == 3 and pixels.ndim == 2:
        return np.repeat(pixels[..., np.newaxis], 3, axis=2)
    if channels == 1 and pixels.ndim == 3:
        return np.rint(luminance(pixels)).astype(pixels.dtype)
    return pixels


def _check_agree(images, files):
    first = images[0]
    for image, file in zip(images, files, strict=True):
        if (image.shape[2:], image.dtype) != (first.shape[2:], first.dtype):
            raise ValueError(
                f"{file} and {files[0]} differ in channels or type ({image.shape[2:]} "
                f"{image.dtype}, {first.shape[2:]} {first.dtype}): pass channels=1 or "
                "channels=3, or keep 8 and 16 bit images apart."
            )
