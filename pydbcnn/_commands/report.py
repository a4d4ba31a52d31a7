"""PSNR and SSIM of a model over a dataset: figures, table and report."""

import base64
import html
import io

import numpy as np

from .._pixels.values import MAX_PSNR, luminance, resolve_data_range
from .._progress import progress_bar
from ..metrics import peak_signal_noise_ratio, structural_similarity

_COLUMNS = ("psnr_before", "psnr_after", "ssim_before", "ssim_after")
_MAX_PICTURES = 30  # in a report, so that a browser can open it
_MAX_SIDE = 480  # of a picture in a report: shown pixel by pixel, or blur is lost


def evaluate(restorer, dataset, *, luminance_only=True, border=8, quiet=True):
    """Measure a model on pairs.

    Parameters
    ----------
    restorer : Restorer
    dataset : Bunch
        From `load_deblur_dataset`.
    luminance_only : bool, default=True
        Whether colours are reduced to luminance before they are compared.
    border : int, default=8
        Pixels on every side that are left out.
    quiet : bool, default=True
        Whether to do without a progress bar.

    Returns
    -------
    result : dict
        ``model``, ``protocol``, ``images`` (a dict of figures each) and ``mean``.
    """
    rows = []
    for blurred, sharp, sigma, file in progress_bar(
        list(zip(dataset.X, dataset.y, dataset.sigma, dataset.files, strict=True)),
        disable=quiet,
        unit=" images",
    ):
        if min(sharp.shape[:2]) <= 2 * border + 10:
            raise ValueError(
                f"{file} is {sharp.shape[0]} x {sharp.shape[1]} pixels: SSIM needs 11 "
                f"inside a border of {border}. Lower --border, or leave the image out."
            )
        images = [
            _prepared(image, luminance_only, border)
            for image in (sharp, blurred, restorer.restore(blurred))
        ]
        rows.append({"file": file, "sigma": sigma} | _figures(*images))
    return {
        "model": str(restorer.model),
        "protocol": {
            "channels": "luminance" if luminance_only else "all",
            "border": border,
        },
        "images": rows,
        "mean": {
            name: float(np.mean([row[name] for row in rows])) for name in _COLUMNS
        },
    }


def _prepared(image, luminance_only, border):
    """Values from 0 to 1, without the border."""
    image = image[border : image.shape[0] - border, border : image.shape[1] - border]
    unit = np.asarray(image, float) / resolve_data_range(None, image.dtype)
    return luminance(unit) if luminance_only and unit.ndim == 3 else unit


def _figures(sharp, before, after):
    return {
        f"{name}_{when}": measure(sharp[np.newaxis], image[np.newaxis])
        for name, measure in (
            ("psnr", peak_signal_noise_ratio),
            ("ssim", structural_similarity),
        )
        for when, image in (("before", before), ("after", after))
    }


def _in_words(protocol):
    what = {"luminance": "the luminance", "all": "all channels"}[protocol["channels"]]
    return f"PSNR and SSIM of {what}, {protocol['border']} pixels of border left out"


def table(result):
    """The figures as text: a row an image, and the mean."""
    rows = [*result["images"], {"file": "mean", "sigma": None} | result["mean"]]
    width = max(len(row["file"]) for row in rows)
    lines = [
        f"model {result['model']}; {_in_words(result['protocol'])}",
        f"{'image':<{width}}  sigma  PSNR before  after   gain  SSIM before   after",
    ]
    for row in rows:
        sigma = "" if row["sigma"] is None else f"{row['sigma']:.2f}"
        gain = row["psnr_after"] - row["psnr_before"]
        lines.append(
            f"{row['file']:<{width}}  {sigma:>5}  {row['psnr_before']:11.2f}  "
            f"{row['psnr_after']:5.2f}  {gain:+5.2f}  {row['ssim_before']:11.4f}  "
            f"{row['ssim_after']:6.4f}"
        )
    if any(row["psnr_after"] == MAX_PSNR for row in rows):
        lines.append(f"PSNR is cut at {MAX_PSNR:.0f} dB, which is a perfect answer.")
    return "\n".join(lines)


_STYLE = """
body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem; color: #222 }
table { border-collapse: collapse } td, th { padding: .2rem .8rem; text-align: right }
td:first-child, th:first-child { text-align: left }
tr:nth-child(even) { background: #f4f4f4 } tr.mean { font-weight: bold }
.pictures { display: flex; gap: 8px; margin-bottom: 2rem }
figure { margin: 0 } figcaption { color: #555 }
img { display: block; image-rendering: pixelated }
.worse { color: #b00020 }
"""


def report_as_html(result, dataset, restorer):
    """A page with the figures, and images before, after and sharp beside each other.

    Returns
    -------
    page : str
        Complete in itself: pictures are embedded.
    """
    rows = result["images"]
    gains = [row["psnr_after"] - row["psnr_before"] for row in rows]
    order = np.argsort(gains)
    if len(order) > _MAX_PICTURES:
        order = order[np.linspace(0, len(order) - 1, _MAX_PICTURES).astype(int)]
    title = f"pydbcnn evaluate: {html.escape(result['model'])}"
    pictures = "".join(
        _picture_row(rows[i], dataset.X[i], dataset.y[i], restorer) for i in order
    )
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>{_STYLE}</style></head><body>
<h1>{title}</h1>
<p>{len(rows)} images; {_in_words(result["protocol"])}.</p>
{_html_table(result)}
<h2>Images, from the smallest gain to the largest</h2>
<p>{len(order)} of {len(rows)} images; of larger ones the central
{_MAX_SIDE} x {_MAX_SIDE} pixels, at full size.</p>
{pictures}
</body></html>
"""


def _html_table(result):
    rows = [*result["images"], {"file": "mean", "sigma": None} | result["mean"]]
    lines = []
    for row in rows:
        gain = row["psnr_after"] - row["psnr_before"]
        sigma = "" if row["sigma"] is None else f"{row['sigma']:.2f}"
        cells = [
            html.escape(row["file"]),
            sigma,
            f"{row['psnr_before']:.2f}",
            f"{row['psnr_after']:.2f}",
            f"<span{' class=worse' if gain < 0 else ''}>{gain:+.2f}</span>",
            f"{row['ssim_before']:.4f}",
            f"{row['ssim_after']:.4f}",
        ]
        mark = " class=mean" if row["sigma"] is None else ""
        lines.append(f"<tr{mark}>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    heads = ("image", "sigma", "PSNR before", "after", "gain", "SSIM before", "after")
    head = "".join(f"<th>{name}</th>" for name in heads)
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def _picture_row(row, blurred, sharp, restorer):
    gain = row["psnr_after"] - row["psnr_before"]
    captions = (
        f"before: {row['psnr_before']:.2f} dB",
        f"after: {row['psnr_after']:.2f} dB ({gain:+.2f})",
        "sharp",
    )
    figures = "".join(
        f"<figure><figcaption>{caption}</figcaption>{_picture(image)}</figure>"
        for caption, image in zip(
            captions, (blurred, restorer.restore(blurred), sharp), strict=True
        )
    )
    title = f"{html.escape(row['file'])}, sigma {row['sigma']:.2f}"
    return f"<h3>{title}</h3><div class=pictures>{figures}</div>"


def _picture(image):
    from PIL import Image

    top, left = (max(0, (size - _MAX_SIDE) // 2) for size in image.shape[:2])
    part = image[top : top + _MAX_SIDE, left : left + _MAX_SIDE]
    if part.dtype == np.uint16:
        part = (part // 257).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(part).save(buffer, format="PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    return (
        f'<img src="data:image/png;base64,{data}" '
        f'width="{part.shape[1]}" height="{part.shape[0]}" alt="">'
    )
