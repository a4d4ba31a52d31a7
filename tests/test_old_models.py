"""Pickles and models from before modules moved are read, answer as then, and go on."""

import inspect
import pickle
import pickletools
import runpy
from pathlib import Path

import numpy as np
import pytest

import pydbcnn
from pydbcnn import DBCNNDeblurrer
from pydbcnn._training.loop import DivergenceError

# The networks inside BlurEstimator are scikit-learn's, which warns when they come from
# a pickle of another version. Whether they still answer as they did is what these tests
# find out, so this warning is no error here.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Trying to unpickle estimator:sklearn.exceptions.InconsistentVersionWarning"
)

FOLDER = Path(__file__).parent / "old_models"
CLASSES = {
    "anisotropic": "AnisotropicGaussianBlurTransformer",
    "around": "DBCNNDeblurrer",
    "aware": "DBCNNDeblurrer",
    "blur_estimator": "BlurEstimator",
    "defocus": "DefocusBlurTransformer",
    "frozen": "DBCNNDeblurrer",
    "gaussian": "GaussianBlurTransformer",
    "jpeg": "JPEGTransformer",
    "motion": "MotionBlurTransformer",
    "noise": "NoiseTransformer",
    "plain": "DBCNNDeblurrer",
    "polyblur": "PolyblurDeblurrer",
    "rows": "DBCNNDeblurrer",
}
MODELS = ("around", "aware", "frozen", "plain")
# How far an answer may be from that of then. What has no entry answers with the same
# bits: noise comes from a generator that NumPy has frozen, and the engine's sums differ
# between instruction sets in the last bits of single precision alone, which shows in
# no pixel of these images.
TOLERANCES = {
    # OpenCV, SciPy and Pillow compute these, and another version of them may round a
    # pixel the other way.
    **dict.fromkeys(("anisotropic", "defocus", "gaussian", "jpeg", "motion"), 1),
    "polyblur": 1,
    # The filter that undoes the blur comes from conjugate gradients now, as close to
    # the solution of then as a few parts in 10000.
    "aware": 1,
    # An estimate is rounded to thousandths of a pixel.
    "blur_estimator": 0.0011,
    # Rows are floats, so the last bits show which instruction set has computed them.
    "rows": 1e-6,
}


def restored(name):
    """The estimator in a pickle."""
    return pickle.loads((FOLDER / f"{name}.pickle").read_bytes())


@pytest.fixture(scope="module")
def answers():
    """What the estimators were given, and what they made of it."""
    with np.load(FOLDER / "answers.npz") as file:
        return dict(file)


def answer_of(estimator, X):
    answer = getattr(estimator, "predict", None) or estimator.transform
    return np.stack(list(answer(X)))


def learned(estimator):
    """The weights of a deblurrer, in one array."""
    arrays = estimator.coefs_ + estimator.intercepts_
    return np.concatenate([array.ravel() for array in arrays])


def test_every_file_is_tested(answers):
    assert {path.stem for path in FOLDER.glob("*.pickle")} == set(CLASSES)
    assert {path.stem for path in FOLDER.glob("*.safetensors")} == set(MODELS)
    assert set(answers) == {"X", "y", "rows_X", *CLASSES}


@pytest.mark.parametrize("name", CLASSES)
def test_a_pickle_holds_an_object_of_the_public_class(name):
    estimator = restored(name)
    assert type(estimator) is getattr(pydbcnn, CLASSES[name])
    assert type(estimator).__module__ == "pydbcnn"


@pytest.mark.parametrize("name", CLASSES)
def test_a_pickle_answers_as_it_did(name, answers):
    X = answers["rows_X"] if name == "rows" else list(answers["X"])
    answer, expected = answer_of(restored(name), X), answers[name]
    assert answer.dtype == expected.dtype
    np.testing.assert_allclose(
        answer.astype(float),
        expected.astype(float),
        rtol=0,
        atol=TOLERANCES.get(name, 0),
    )


@pytest.mark.parametrize("name", MODELS)
def test_a_model_predicts_as_its_pickle(name, answers):
    X = list(answers["X"])
    model = DBCNNDeblurrer.load(FOLDER / f"{name}.safetensors")
    np.testing.assert_array_equal(model.predict(X), restored(name).predict(X))


@pytest.fixture(scope="module")
def of_today(answers):
    """The same estimators, fitted by this version on the same data."""
    make = runpy.run_path(str(FOLDER / "make.py"))
    X, y = list(answers["X"]), list(answers["y"])
    return make["fitted_estimators"](X, y, [1.0, 1.0, 2.5, 2.5])


@pytest.mark.parametrize("name", ["plain", "around", "rows"])
def test_learning_goes_on_as_if_nothing_had_been(name, answers, of_today):
    """Weights, solver and generator of the pickle are those that a fit ends with."""
    then, today = restored(name), pickle.loads(pickle.dumps(of_today[name]))
    if name == "rows":
        pairs = np.random.RandomState(2).uniform(size=(2, 12, 9))
    else:
        pairs = list(answers["X"]), list(answers["y"])
    before = learned(then)
    for estimator in (then, today):
        estimator.partial_fit(*pairs)
    step = np.abs(learned(then) - before).max()
    assert step > 0
    # Between instruction sets, the last bits of a fit differ.
    assert np.abs(learned(then) - learned(today)).max() < 1e-3 * step
    assert then.t_ == today.t_
    assert len(then.loss_curve_) == len(today.loss_curve_) == 3


@pytest.mark.parametrize("name", ["aware", "frozen"])
def test_what_depends_on_the_blur_learns_further(name, answers):
    """Its estimator of blur learns with it, unless that is frozen."""
    model = restored(name)
    before, sigma_range = learned(model), model.sigma_range_
    n_seen = model.blur_estimator_.n_samples_seen_
    model.partial_fit(list(answers["X"]), list(answers["y"]))
    assert not np.array_equal(learned(model), before)
    assert model.sigma_range_ == sigma_range
    assert len(model.loss_curve_) == 3
    has_learned = model.blur_estimator_.n_samples_seen_ > n_seen
    assert has_learned == (name == "aware")


def test_an_estimator_of_blur_learns_further(answers):
    X = list(answers["X"])
    estimator = restored("blur_estimator").partial_fit(X, [1.0, 1.0, 2.5, 2.5])
    assert estimator.n_samples_seen_ == 2 * len(X)
    assert np.abs(estimator.predict(X) - answers["blur_estimator"]).max() > 0


PUBLIC_CLASSES = [
    name for name in pydbcnn.__all__ if inspect.isclass(getattr(pydbcnn, name))
]
# Classes of which nothing is made without any arguments.
VALUES = {
    "Blur": lambda Blur: Blur.motion(5.1, 21),
    "Noise": lambda Noise: Noise.white(1.2),
}


@pytest.mark.parametrize("name", PUBLIC_CLASSES)
def test_a_pickle_of_today_names_the_public_class(name):
    """So that modules may move again, and the pickle is still read."""
    public_class = getattr(pydbcnn, name)
    made = VALUES[name](public_class) if name in VALUES else public_class()
    assert type(pickle.loads(pickle.dumps(made))) is type(made)
    # Up to protocol 3, module and name are the argument of one opcode.
    opcodes = pickletools.genops(pickle.dumps(made, protocol=3))
    named = {argument for opcode, argument, _ in opcodes if opcode.name == "GLOBAL"}
    ours = {argument for argument in named if argument.startswith("pydbcnn")}
    assert ours == {f"pydbcnn {name}"}


def test_functions_and_errors_that_pickles_name_are_found():
    for name, found in (
        ("pydbcnn._estimate_blur\nestimate_blur", pydbcnn.estimate_blur),
        ("pydbcnn._training\nDivergenceError", DivergenceError),
    ):
        assert pickle.loads(f"c{name}\n.".encode()) is found
