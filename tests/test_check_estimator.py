"""scikit-learn's own battery: every check, none skipped, none expected to fail."""

from collections import Counter

import pytest
import sklearn
from sklearn.metrics import r2_score
from sklearn.preprocessing import scale
from sklearn.utils.estimator_checks import _regression_dataset, check_estimator
from sklearn.utils.fixes import parse_version

from pydbcnn import DBCNNDeblurrer, GaussianBlurTransformer, PolyblurDeblurrer

ESTIMATORS = (DBCNNDeblurrer, GaussianBlurTransformer, PolyblurDeblurrer)
# How many checks there are depends on the version of scikit-learn.
N_CHECKS = {"1.9": (53, 46, 40)}


@pytest.mark.filterwarnings("ignore:max_iter=:sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("which", [0, 1, 2], ids=["deblurrer", "blur", "polyblur"])
def test_check_estimator(which):
    estimator = ESTIMATORS[which]()
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
    assert len(results) == expected[which] if expected else len(results) >= 40


@pytest.mark.filterwarnings("ignore:max_iter=:sklearn.exceptions.ConvergenceWarning")
def test_it_learns_the_data_of_the_battery():
    """The battery asks for a score above 0.5; for a PSNR that is little."""
    X, y = _regression_dataset()
    y = scale(y)
    deblurrer = DBCNNDeblurrer(random_state=0).fit(X, y)
    assert r2_score(y, deblurrer.predict(X)) > 0.9
