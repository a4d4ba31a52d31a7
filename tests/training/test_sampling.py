"""Patches of images: where they are cut, and how they are turned and drawn."""

import numpy as np
import pytest

from pydbcnn._training.sampling import GivenPatches, RandomPatches


def coordinates(height, width):
    """An image whose pixels tell where they are."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns], axis=-1).astype(np.float32)


def sampler_of(sizes, **params):
    images = [coordinates(*size) for size in sizes]
    defaults = dict(scale=1.0, radius=3, patch_size=8, batch_size=5, shuffle=True)
    return RandomPatches(images, images, **defaults | params)


def batches_of(sampler, seed):
    """Patches and targets of each batch, where the blur is of no account."""
    for (group,) in sampler.batches(np.random.RandomState(seed)):
        assert group.sigma is None
        yield group.patches, group.targets


def test_patches_carry_their_true_context():
    """The middle of each patch of X is its target, and the rest goes on from it."""
    sampler = sampler_of([(30, 40)])
    for patches, targets in batches_of(sampler, 0):
        assert patches.shape[1:] == (14, 14, 2)
        np.testing.assert_array_equal(patches[:, 3:-3, 3:-3], targets)
        for patch in patches:
            for axis in (0, 1):
                steps = np.abs(np.diff(patch, axis=axis)).sum(axis=-1)
                assert set(np.unique(steps)) <= {1.0}  # neighbours stay neighbours


def test_context_at_the_border_is_mirrored():
    image = np.random.RandomState(0).uniform(size=(12, 12, 1)).astype(np.float32)
    padded = np.pad(image, ((5, 5), (5, 5), (0, 0)), mode="reflect")
    sampler = RandomPatches(
        [image],
        [image],
        scale=1.0,
        radius=5,
        patch_size=12,
        batch_size=1,
        shuffle=False,
    )
    ((patches, targets),) = batches_of(sampler, 0)
    np.testing.assert_array_equal(patches[0], padded)
    np.testing.assert_array_equal(targets[0], image)


def test_all_eight_orientations_and_all_places_are_drawn():
    sampler = sampler_of([(9, 9)], patch_size=8, batch_size=100)
    seen = {
        tuple(target[corner] for corner in ((0, 0, 0), (0, 0, 1), (0, 7, 0), (7, 0, 0)))
        for seed in range(20)
        for _, targets in batches_of(sampler, seed)
        for target in targets
    }
    assert len(seen) == 4 * 8


def test_large_images_are_drawn_more_often():
    images = [np.full((40, 40, 1), 0.0), np.full((20, 20, 1), 1.0)]
    sampler = RandomPatches(
        images, images, scale=1.0, radius=1, patch_size=4, batch_size=50, shuffle=True
    )
    drawn = np.concatenate(
        [
            targets[:, 0, 0, 0]
            for seed in range(30)
            for _, targets in batches_of(sampler, seed)
        ]
    )
    assert drawn.mean() == pytest.approx(400 / 2000, abs=0.02)


def test_an_epoch_covers_the_pixels_once():
    sampler = sampler_of([(32, 40), (16, 8)], patch_size=8, batch_size=4)
    assert sampler.n_batches == -(-(32 * 40 + 16 * 8) // (4 * 64))


def test_without_shuffle_a_grid_covers_every_pixel():
    sampler = sampler_of([(19, 21)], shuffle=False, patch_size=8)
    covered = np.zeros((19, 21), bool)
    for _, targets in batches_of(sampler, 0):
        rows, columns = targets.reshape(-1, 2).astype(int).T
        covered[rows, columns] = True
    assert covered.all()


def test_long_images_are_turned_half_only():
    sampler = sampler_of([(1, 30)], patch_size=8)
    for patches, targets in batches_of(sampler, 0):
        assert patches.shape[1:3] == (7, 14)
        assert targets.shape[1:3] == (1, 8)


def test_given_patches_are_visited_once():
    X = np.arange(10, dtype=float).reshape(10, 1, 1, 1) * np.ones((1, 9, 9, 1))
    sampler = GivenPatches(
        X, X[:, 2:-2, 2:-2], scale=2.0, radius=2, batch_size=4, shuffle=True
    )
    orders = []
    for seed in range(2):
        batches = list(batches_of(sampler, seed))
        assert [len(patches) for patches, _ in batches] == [4, 4, 2]
        assert all(patches.shape[1:3] == (9, 9) for patches, _ in batches)
        orders.append(np.concatenate([targets[:, 0, 0, 0] for _, targets in batches]))
    assert sorted(orders[0]) == [i / 2 for i in range(10)]
    assert orders[0].tolist() != orders[1].tolist()
