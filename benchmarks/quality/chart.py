"""PSNR over sigma: a panel a set, a line a method."""

import io

from . import methods, summary

# Told apart by most colour-blind readers (Okabe and Ito).
PEERS = {
    methods.INPUT: "#888888",
    methods.UNSHARP: "#E69F00",
    methods.POLYBLUR: "#56B4E9",
    methods.WIENER: "#009E73",
    methods.RICHARDSON_LUCY: "#CC79A7",
}
MODELS = ("#D55E00", "#0072B2", "#000000", "#B8A800")
GIVEN = "dashed"  # lines of models that are given sigma


def chart(sets, models, scores):
    """Draw curves.

    Parameters
    ----------
    sets : iterable of str
    models : list of str
    scores : list of measuring.Score
        Those without blur are left out: sharp photographs have no finite PSNR.

    Returns
    -------
    svg : bytes
        On a white ground of its own, so that it can be read on any page.
    """
    import matplotlib
    from matplotlib.figure import Figure

    best = summary.at_best([score for score in scores if score.sigma])
    means = summary.means(best, "psnr")
    # The same figures give the same file.
    with matplotlib.rc_context({"svg.hashsalt": "pydbcnn"}):
        figure = Figure((max(8, 3.4 * len(sets) + 0.6), 4.6), facecolor="white")
        panels = figure.subplots(1, len(sets), squeeze=False, sharey=True)[0]
        for axes, name in zip(panels, sets, strict=True):
            _draw_lines(axes, name, means, styles(models))
        panels[0].set_ylabel("PSNR of luminance, dB")
        figure.tight_layout(rect=(0, 0, 1, 0.83))
        _add_legend(figure, panels[0])
        svg = io.BytesIO()
        figure.savefig(svg, format="svg", metadata={"Date": None})
    return svg.getvalue()


def styles(models):
    """Colour and line style of each method, by name."""
    found = {name: (colour, "solid") for name, colour in PEERS.items()}
    for index, model in enumerate(models):
        colour = MODELS[index % len(MODELS)]
        found |= {model: (colour, "solid"), methods.given(model): (colour, GIVEN)}
    return found


def _draw_lines(axes, name, means, styles):
    for method, (colour, style) in styles.items():
        points = sorted(
            (sigma, psnr)
            for (row, set_name, sigma), psnr in means.items()
            if (row, set_name) == (method, name)
        )
        if points:
            axes.plot(
                *zip(*points, strict=True),
                color=colour,
                linestyle=style,
                linewidth=1.5,
                marker="o",
                markersize=3,
                label=method,
            )
    axes.set_title(name)
    axes.set_xlabel("sigma of the blur, pixels")
    axes.grid(color="#dddddd", linewidth=0.5)
    axes.spines[["top", "right"]].set_visible(False)


def _add_legend(figure, axes):
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="upper center", ncols=4, frameon=False, fontsize=9
    )
