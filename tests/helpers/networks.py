"""Networks of every form, and parameters and patches for them."""

import numpy as np

from pydbcnn._network.network import Network

# Channels in and out, filters, kernels: the common network, and what is odd about
# others: filters that fill no vector, wide middle kernels, single pixels, many
# channels, the largest kernels.
NETWORKS = {
    "common grey": (1, 1, (64, 32), (9, 1, 5)),
    "common colour": (3, 3, (64, 32), (9, 1, 5)),
    "wide middle": (3, 3, (32, 32), (5, 5, 3)),
    "odd filters": (2, 2, (5, 3), (3, 5, 7)),
    "one filter": (1, 1, (1, 1), (3, 1, 3)),
    "single pixels": (4, 4, (20, 40), (1, 1, 1)),
    "in more than out": (4, 3, (17, 33), (3, 1, 5)),
    "many channels": (16, 16, (24, 16), (3, 1, 3)),
    "many filters": (3, 3, (128, 100), (3, 1, 3)),
    "large kernels": (1, 1, (8, 4), (15, 3, 15)),
    "grey, wide middle": (1, 1, (64, 32), (9, 5, 5)),
    "every kernel padded": (1, 1, (20, 12), (11, 7, 5)),
}
# Networks with outer layers around the three of the paper; these are small.
WITH_OUTER_LAYERS = {
    "small filter": Network(1, 1, (8, 4), (3, 1, 3), filter_size=3),
    "filter, colour": Network(3, 3, (16, 8), (9, 1, 5), filter_size=13),
    "largest filter": Network(4, 3, (5, 3), (3, 3, 3), False, filter_size=41),
    "largest symmetric filter": Network(3, 3, (5, 3), (1, 1, 3), filter_size=37),
    "filter, no residual": Network(2, 2, (6, 4), (5, 1, 3), False, filter_size=9),
    "back-projection": Network(1, 1, (16, 8), (9, 1, 5), n_back_projections=1),
    "back-projections": Network(
        3,
        3,
        (6, 4),
        (3, 1, 3),
        residual=False,
        n_back_projections=2,
        back_projection_sizes=(9, 5),
    ),
    "small kernels": Network(
        2,
        2,
        (4, 4),
        (3, 1, 1),
        n_back_projections=4,
        back_projection_sizes=(3, 1),
    ),
    "large kernels behind": Network(
        4,
        4,
        (5, 3),
        (1, 1, 3),
        n_back_projections=1,
        back_projection_sizes=(25, 25),
    ),
    "combination": Network(1, 1, (8, 4), (5, 1, 3), combine=True),
    "combination, in more than out": Network(
        4, 3, (5, 3), (3, 1, 3), False, combine=True
    ),
    "everything": Network(
        3,
        3,
        (16, 8),
        (9, 1, 5),
        filter_size=11,
        n_back_projections=2,
        back_projection_sizes=(7, 3),
        combine=True,
    ),
}

# Sides of the filters that `random_params` makes symmetric from left to right, as those
# are that undo a round blur: engines may take a shorter way there.
FOLDED = (3, 13, 37)


def random_params(network, seed=0):
    """Parameters that make every layer matter."""
    random_state = np.random.RandomState(seed)
    params = network.initial_params(random_state, np.float64)
    change_outer_layers(network, params, random_state)
    weights, biases = network.views(params)
    weights[-1][:] = random_state.normal(
        scale=np.sqrt(1 / weights[-1][..., 0].size), size=weights[-1].shape
    )
    for bias in biases:
        bias[:] = random_state.normal(scale=0.1, size=bias.shape)
    return params


def change_outer_layers(network, params, random_state):
    """Let the parts around the layers do a bit more than at the start of training."""
    kernels = [
        kernel for pair in network.back_projection_views(params) for kernel in pair
    ]
    if network.filter_size > 1:
        kernels.append(network.filter_view(params))
    for kernel in kernels:
        kernel += random_state.normal(scale=0.3 / len(kernel), size=kernel.shape)
    if network.filter_size in FOLDED:
        kernels[-1] += kernels[-1][:, ::-1].copy()
    for part in network.combination_views(params) or ():
        part += random_state.normal(scale=0.3, size=part.shape)


def patches_for(network, n=3, height=9, width=13, seed=0):
    """Patches with their context, and targets."""
    random_state = np.random.RandomState(seed)
    margin = 2 * network.radius
    patches = random_state.uniform(
        size=(n, height + margin, width + margin, network.n_channels_in)
    )
    targets = random_state.uniform(size=(n, height, width, network.n_channels_out))
    return patches, targets
