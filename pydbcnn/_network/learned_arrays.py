"""What a network has learned, as the arrays that users see and that files hold."""

from dataclasses import dataclass

import numpy as np

# What files call the weights of the combination: A, B and b.
COMBINATION_NAMES = (
    "combination.input",
    "combination.estimate",
    "combination.bias",
)


@dataclass(frozen=True)
class LearnedArrays:
    """Weights and biases of all parts of a `BlurAwareNetwork`.

    With several basis functions, each array has a first axis for them.

    Parameters
    ----------
    coefs, intercepts : list of array
        Of the three layers.
    back_projections : list of tuple of (K, P)
    combination : tuple of (A, B, b), or None
    """

    coefs: list
    intercepts: list
    back_projections: list = ()
    combination: tuple | None = None

    @classmethod
    def of(cls, weights, params):
        """The arrays of a vector of parameters, as copies."""
        network = weights.learned
        sets = [_views(network, part) for part in weights.parts(params)]

        def join(arrays):
            return np.stack(arrays) if len(sets) > 1 else arrays[0].copy()

        joined = [
            [join(arrays) for arrays in zip(*group, strict=True)]
            for group in zip(*sets, strict=True)
        ]
        coefs, intercepts, kernels, combination = joined
        return cls(
            coefs,
            intercepts,
            list(zip(kernels[::2], kernels[1::2], strict=True)),
            tuple(combination) or None,
        )

    @classmethod
    def taken_from(cls, tensors):
        """The inverse of `named`: takes the arrays out of a dict of tensors.

        Raises
        ------
        ValueError
            When kernels of a back-projection are missing.
        """

        def take(kind):
            taken = []
            while f"{kind}.{len(taken)}" in tensors:
                taken.append(tensors.pop(f"{kind}.{len(taken)}"))
            return taken

        coefs, intercepts = take("coefs"), take("intercepts")
        reblurs, projections = take("reblurs"), take("projections")
        if len(reblurs) != len(projections):
            raise ValueError(
                f"{len(reblurs)} kernels that blur again but {len(projections)} that "
                "project back"
            )
        kernels = list(zip(reblurs, projections, strict=True))
        combination = tuple(
            tensors.pop(name) for name in COMBINATION_NAMES if name in tensors
        )
        return cls(coefs, intercepts, kernels, combination or None)

    def named(self):
        """All arrays in a dict, by the names that they have in files."""
        named = {}
        for layer, pair in enumerate(zip(self.coefs, self.intercepts, strict=True)):
            named[f"coefs.{layer}"], named[f"intercepts.{layer}"] = pair
        for index, pair in enumerate(self.back_projections):
            named[f"reblurs.{index}"], named[f"projections.{index}"] = pair
        if self.combination is not None:
            named |= dict(zip(COMBINATION_NAMES, self.combination, strict=True))
        return named

    @property
    def n_basis_functions(self):
        """Number of basis functions, as the dimensions of the first array show it."""
        first = np.asarray(self.coefs[0])
        return first.shape[0] if first.ndim == 5 else 1

    def one(self, index):
        """The arrays of one basis function."""
        if self.n_basis_functions == 1:
            return self

        def take(arrays):
            return [np.asarray(array)[index] for array in arrays]

        return LearnedArrays(
            take(self.coefs),
            take(self.intercepts),
            [tuple(take(pair)) for pair in self.back_projections],
            tuple(take(self.combination)) if self.combination is not None else None,
        )

    def flatten(self, weights, dtype):
        """Join all arrays to one vector: the inverse of `of`."""
        parts = []
        for index in range(weights.n_basis_functions):
            one = self.one(index)
            parts.append(
                weights.learned.flatten(
                    one.coefs,
                    one.intercepts,
                    dtype,
                    back_projections=one.back_projections,
                    combination=one.combination,
                )
            )
        return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _views(network, params):
    weights, biases = network.views(params)
    kernels = [
        kernel for pair in network.back_projection_views(params) for kernel in pair
    ]
    return weights, biases, kernels, list(network.combination_views(params) or ())
