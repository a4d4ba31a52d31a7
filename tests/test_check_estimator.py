"""scikit-learn's own battery: every check, none skipped, none expected to fail."""

from collections import Counter

import pytest
import sklearn
from sklearn.base import is_regressor
from sklearn.exceptions import SkipTestWarning
from sklearn.metrics import r2_score
from sklearn.preprocessing import scale
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import _regression_dataset, check_estimator
from sklearn.utils.fixes import parse_version

from pydbcnn import (
    AnisotropicGaussianBlurTransformer,
    BlurEstimator,
    CameraTransformer,
    DBCNNDeblurrer,
    DefocusBlurTransformer,
    DenoisingTransformer,
    GaussianBlurTransformer,
    JPEGTransformer,
    KernelBlurTransformer,
    MosaicTransformer,
    MotionBlurTransformer,
    NoiseTransformer,
    PolyblurDeblurrer,
    ToneCurveTransformer,
    UnsharpMaskTransformer,
    WhiteBalanceTransformer,
)

# How many checks there are depends on the version of scikit-learn.
N_CHECKS = {
    "1.6": {"regressor": 52, "transformer": 45, "other": 39},
    "1.9": {"regressor": 53, "transformer": 46, "other": 40},
}
ESTIMATORS = {
    "deblurrer": DBCNNDeblurrer(),
    "blur": GaussianBlurTransformer(),
    "defocus": DefocusBlurTransformer(),
    "motion": MotionBlurTransformer(),
    "slanting motion": MotionBlurTransformer(angle=30.0),
    "anisotropic": AnisotropicGaussianBlurTransformer(),
    "noise": NoiseTransformer(),
    "JPEG": JPEGTransformer(),
    "kernel": KernelBlurTransformer([[0.2, 0.5, 0.3]]),
    "defocus in linear light": DefocusBlurTransformer(linear_light=True),
    "tone curve": ToneCurveTransformer(),
    "white balance": WhiteBalanceTransformer(),
    "mosaic": MosaicTransformer(),
    "denoising": DenoisingTransformer(),
    "unsharp mask": UnsharpMaskTransformer(),
    # The checks ask for the same result in any order of the rows, so without draws.
    "camera": CameraTransformer(
        DefocusBlurTransformer(1.5),
        poisson_gain=0.0,
        gaussian_std=0.0,
        denoising=0.0,
        sharpening_radius=1.0,
        sharpening_amount=0.5,
        quality=90,
        chroma_subsampling="4:4:4",
    ),
    "polyblur": PolyblurDeblurrer(),
}


def kind_of(estimator):
    if is_regressor(estimator):
        return "regressor"
    return "transformer" if hasattr(estimator, "transform") else "other"


@pytest.mark.filterwarnings("ignore:max_iter=:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("which", ESTIMATORS)
def test_check_estimator(which):
    estimator = ESTIMATORS[which]
    results = check_estimator(estimator, on_skip=None, on_fail=None)
    problems = [
        (result["check_name"], result["exception"])
        for result in results
        if result["status"] != "passed"
    ]
    assert problems == []
    assert Counter(result["status"] for result in results) == {"passed": len(results)}
    version = parse_version(sklearn.__version__)
    expected = N_CHECKS.get(f"{version.major}.{version.minor}")
    if expected:
        assert len(results) == expected[kind_of(estimator)]
    else:
        assert len(results) >= 40


# Those of the battery that need no data, or fail before they look at it.
CHECKS_WITHOUT_DATA = (
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_get_params_invariance",
    "check_no_attributes_set_in_init",
    "check_param_validation",
    "check_parameters_default_constructible",
    "check_set_params",
    "check_valid_tag_types",
)


def test_the_estimator_of_blur_says_that_it_takes_no_tables():
    """One number for an image: a row of a table is none, so it cannot learn from any.

    The battery then says so, and makes one check alone; what its others ask for is
    tested on images in blur_estimation/test_estimator.py.
    """
    with pytest.warns(SkipTestWarning, match="BlurEstimator which requires input"):
        results = check_estimator(BlurEstimator(), on_skip=None, on_fail=None)
    assert [(result["check_name"], result["status"]) for result in results] == [
        ("check_estimator_cloneable", "passed")
    ]


@pytest.mark.parametrize("name", CHECKS_WITHOUT_DATA)
def test_checks_without_data_on_the_estimator_of_blur(name):
    getattr(estimator_checks, name)("BlurEstimator", BlurEstimator())


@pytest.mark.filterwarnings("ignore:max_iter=:sklearn.exceptions.ConvergenceWarning")
def test_it_learns_the_data_of_the_battery():
    """The battery asks for a score above 0.5; for a PSNR that is little."""
    X, y = _regression_dataset()
    y = scale(y)
    deblurrer = DBCNNDeblurrer(random_state=0).fit(X, y)
    assert r2_score(y, deblurrer.predict(X)) > 0.9
