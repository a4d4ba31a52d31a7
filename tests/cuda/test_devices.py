"""Which device is taken, and what is said where none can be."""

import ctypes
import importlib.metadata
import os
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from device_backend import DeviceBackend, let_device_be_usable
from PIL import Image

import pydbcnn
from pydbcnn import DBCNNDeblurrer, GaussianBlurTransformer, available_devices
from pydbcnn import _versions as versions
from pydbcnn._commands.pictures import save_png
from pydbcnn.backends import DeviceUnavailableError, get_backend
from pydbcnn.backends._cuda import device
from pydbcnn.backends._cuda.source import COMPILE_OPTIONS, kernel_source
from pydbcnn.cli import main
from pydbcnn.persistence import read_model

NO_GPU = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}


class CUDARuntimeError(RuntimeError):
    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


class NVRTCError(RuntimeError):
    pass


class FakeCupy(ModuleType):
    """What CuPy says on a machine with one GPU, or what a test lets it say."""

    __version__ = "14.2.0"

    def __init__(self, *, capability=(9, 0), error=None, made_for=13020, nvrtc=None):
        super().__init__("cupy")
        self.index, self.modules = 0, []

        def count():
            if error is not None:
                raise CUDARuntimeError(*error)
            return 1

        def version():
            if nvrtc is not None:
                raise nvrtc
            return (13, 0)

        runtime = SimpleNamespace(
            CUDARuntimeError=CUDARuntimeError,
            getDeviceCount=count,
            getDevice=lambda: self.index,
            runtimeGetVersion=lambda: made_for,
            getDeviceProperties=lambda index: {
                "name": f"Example {index}".encode(),
                "major": capability[0],
                "minor": capability[1],
                "totalGlobalMem": 80 * 2**30,
                "multiProcessorCount": 132,
            },
        )
        self.cuda = SimpleNamespace(
            runtime=runtime, nvrtc=SimpleNamespace(getVersion=version)
        )

    def RawModule(self, **how):
        self.modules.append(how)
        return SimpleNamespace(get_function=lambda name: name)


@pytest.fixture
def install(monkeypatch):
    """Let a driver and a CuPy be there."""

    def let_be_there(cupy=None, *, driver=13000, headers="/include"):
        import cuda.pathfinder

        monkeypatch.setattr(device, "driver_version", lambda: driver)
        monkeypatch.setitem(sys.modules, "cupy", cupy)
        monkeypatch.setattr(
            cuda.pathfinder, "find_nvidia_header_directory", lambda name: headers
        )
        return cupy

    return let_be_there


def test_a_device_that_can_be_used(install):
    cupy = install(FakeCupy())
    runtime = device.find_runtime("tf32")
    assert runtime.xp is cupy
    assert runtime.n_processors == 132
    assert available_devices() == ("cpu", "cuda")
    assert device.find_runtime() is runtime
    cupy.index = 1
    other = device.find_runtime()
    assert other is not runtime
    assert device.find_runtime("bfloat16") is other


def test_kernels_are_compiled_by_name(install):
    cupy = install(FakeCupy())
    module = device.find_runtime().load_module("convolve<Tf32>")
    assert module.get_function("convolve<Tf32>") == "convolve<Tf32>"
    (how,) = cupy.modules
    assert how == {
        "code": kernel_source(),
        "options": COMPILE_OPTIONS,
        "name_expressions": ["convolve<Tf32>"],
    }


CAUSES = {
    "no driver": (
        dict(driver=0),
        r"there is no NVIDIA driver \(libcuda\.so\.1.*pip install 'pydbcnn\[cuda13x\]'",
    ),
    "no CuPy": (dict(cupy=None), r"CuPy is not installed.*'pydbcnn\[cuda13x\]'"),
    "no CuPy, older driver": (
        dict(cupy=None, driver=12040),
        r"CuPy is not installed.*'pydbcnn\[cuda12x\]'",
    ),
    "no GPU": (
        dict(cupy=FakeCupy(error=(100, "cudaErrorNoDevice: no device"))),
        r"shows no GPU: CUDA_VISIBLE_DEVICES='7'.*nvidia-smi",
    ),
    "older driver": (
        dict(cupy=FakeCupy(error=(35, "cudaErrorInsufficientDriver")), driver=12040),
        r"up to 12\.4, but CuPy was made for 13\.2\. Update .*'pydbcnn\[cuda12x\]'",
    ),
    "oldest driver": (
        dict(
            cupy=FakeCupy(error=(35, "cudaErrorInsufficientDriver"), made_for=12090),
            driver=11080,
        ),
        r"CUDA up to 11\.8, but CuPy was made for 12\.9\. Update the driver\.$",
    ),
    "fork": (
        dict(cupy=FakeCupy(error=(3, "cudaErrorInitializationError"))),
        "after a fork.*'spawn'",
    ),
    "broken driver": (
        dict(cupy=FakeCupy(error=(999, "cudaErrorUnknown: unknown error"))),
        "CUDA answers 'cudaErrorUnknown: unknown error'.*nvidia-smi",
    ),
    "no compiler": (
        dict(cupy=FakeCupy(nvrtc=NVRTCError("no\nlibnvrtc"))),
        r"cannot compile kernels: .*NVRTC.*\(no libnvrtc\).*'pydbcnn\[cuda13x\]'",
    ),
    "no headers": (
        dict(cupy=FakeCupy(made_for=12090), headers=None),
        r"cannot compile kernels: the headers.*'pydbcnn\[cuda12x\]'",
    ),
    "old GPU": (
        dict(cupy=FakeCupy(capability=(7, 0))),
        r"too old: this engine needs .* 7\.5 .*Example 0 .* 7\.0\. Pass device='cpu'",
    ),
}


@pytest.mark.parametrize("name", CAUSES)
def test_each_cause_is_told(install, monkeypatch, name):
    how, message = CAUSES[name]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    install(**how)
    with pytest.raises(DeviceUnavailableError, match=message) as told:
        device.find_runtime()
    assert "\n" not in str(told.value)
    assert available_devices() == ("cpu",)
    assert get_backend("auto").name == "cpu"
    with pytest.raises(
        DeviceUnavailableError,
        match="device='cuda' cannot be used here, .*: .*" + message,
    ):
        get_backend("cuda")
    assert device.describe_gpu() == f"not used: {told.value}"


def test_without_the_variable_it_is_not_named(install, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    install(FakeCupy(error=(100, "cudaErrorNoDevice")))
    with pytest.raises(DeviceUnavailableError, match=r"shows no GPU\. "):
        device.find_runtime()


@pytest.mark.parametrize("precision", ["tf32", "bfloat16"])
def test_precisions_that_a_gpu_does_not_have(install, precision):
    install(FakeCupy(capability=(7, 5)))
    device.find_runtime("float32")
    message = rf"{precision} needs .* 8\.0 .*Example 0 .* 7\.5\. .*precision='float32'"
    with pytest.raises(DeviceUnavailableError, match=message):
        device.find_runtime(precision)


def test_faults_of_ours_are_not_taken_for_causes(install):
    cupy = install(FakeCupy())
    del cupy.cuda.nvrtc.getVersion
    with pytest.raises(AttributeError, match="getVersion"):
        get_backend("auto")


@pytest.fixture
def broken_cupy(tmp_path, monkeypatch):
    """A CuPy whose import fails as that of the real one does."""
    package = tmp_path / "cupy"
    package.mkdir()
    monkeypatch.delitem(sys.modules, "cupy", raising=False)
    monkeypatch.syspath_prepend(tmp_path)

    def write(code):
        (package / "__init__.py").write_text(code)

    return write


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        (
            "try:\n    import cupy.lost\n"
            "except ImportError as error:\n    raise ImportError('advice') from error",
            r"\(No module named 'cupy.lost'\)",
        ),
        (
            "raise ImportError('libfoo.so.1:\\n not found')",
            r"\(libfoo.so.1: not found\)",
        ),
        ("import lost_dependency", r"\(No module named 'lost_dependency'\)"),
    ],
)
def test_cupy_that_cannot_be_imported(monkeypatch, broken_cupy, code, cause):
    monkeypatch.setattr(device, "driver_version", lambda: 12040)
    monkeypatch.setattr(device, "cupy_versions", lambda: {"cupy-cuda13x": "14.2.0"})
    broken_cupy(code)
    message = (
        rf"cannot be imported {cause}\. Run: "
        r"pip uninstall cupy-cuda13x; pip install 'pydbcnn\[cuda12x\]'$"
    )
    with pytest.raises(DeviceUnavailableError, match=message):
        device.find_runtime()


def test_several_packages_of_cupy_are_named(monkeypatch, broken_cupy):
    monkeypatch.setattr(device, "driver_version", lambda: 13000)
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "14.2.0")
    broken_cupy("raise ImportError('mixed up')")
    with pytest.raises(
        DeviceUnavailableError,
        match=r"Several .*pip uninstall cupy-cuda12x cupy-cuda13x cupy; pip install 'p",
    ):
        device.find_runtime()


class FakeDriver:
    def __init__(self, status):
        self.status = status

    def cuDriverGetVersion(self, pointer):
        pointer._obj.value = 12040
        return self.status


@pytest.mark.parametrize(("status", "version"), [(0, 12040), (34, 0), (None, 0)])
def test_version_of_the_driver(monkeypatch, status, version):
    def load(name):
        assert name == "libcuda.so.1"
        if status is None:
            raise OSError("cannot open shared object file")
        return FakeDriver(status)

    monkeypatch.setattr(ctypes, "CDLL", load)
    device.driver_version.cache_clear()
    assert device.driver_version() == version
    device.driver_version.cache_clear()


def run_without_gpu(code):
    result = subprocess.run(
        [sys.executable, "-P", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=NO_GPU,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


def test_the_real_cupy_without_a_gpu():
    """Neither the driver, where there is one, nor CuPy sees a device."""
    told, asked, compiled = run_without_gpu("""
import sys
from pydbcnn.backends import DeviceUnavailableError, available_devices
from pydbcnn.backends._cuda import device
assert available_devices() == ("cpu",)
try:
    device.find_gpu()
except DeviceUnavailableError as error:
    print(error)
import cupy
device.driver_version = lambda: 13000
try:
    device.find_gpu()
except DeviceUnavailableError as error:
    print(error)
print(device.check_compiler(cupy))
""")
    assert told.startswith(("there is no NVIDIA driver", "the NVIDIA driver shows no"))
    assert asked.startswith(
        ("the NVIDIA driver knows CUDA up", "the NVIDIA driver shows")
    )
    assert compiled == "None"


def test_what_asks_for_no_gpu_does_not_import_cupy():
    (imported,) = run_without_gpu("""
import sys
import numpy as np
import pydbcnn
from pydbcnn import DBCNNDeblurrer, GaussianBlurTransformer
X = np.zeros((2, 12, 12))
for device in ("cpu", "auto", "cuda"):
    DBCNNDeblurrer(device=device), GaussianBlurTransformer(device=device)
model = DBCNNDeblurrer(
    (2, 2), (3, 1, 3), device="cpu", max_iter=1, learning_rate="cosine"
)
model.fit(GaussianBlurTransformer().fit_transform(X), X).score(X, X)
GaussianBlurTransformer(device="cuda").fit(X)
print("cupy" in sys.modules)
""")
    assert imported == "False"


@pytest.fixture
def usable(monkeypatch):
    """A device for float32, tf32 and bfloat16."""
    let_device_be_usable(monkeypatch)


@pytest.mark.parametrize("name", ["auto", "cuda"])
@pytest.mark.parametrize("precision", ["float32", "tf32", "bfloat16"])
def test_a_gpu_that_can_be_used_is_taken(usable, name, precision):
    backend = get_backend(name, precision)
    assert (backend.name, backend.precision) == ("cuda", precision)


def test_double_precision_is_the_reference(usable):
    assert get_backend("auto", "float64").name == "reference"
    assert get_backend("cpu", "float64").name == "reference"
    with pytest.raises(ValueError, match=r"'float64' computes in NumPy.*device='cpu'"):
        get_backend("cuda", "float64")


def test_tf32_needs_a_gpu(install):
    with pytest.raises(ValueError, match=r"'tf32' is a format of GPUs\. .*'float32'"):
        get_backend("cpu", "tf32")
    install(FakeCupy(capability=(7, 5)))
    with pytest.raises(ValueError, match=r"no GPU is used: .* 7\.5\. .*'float32'"):
        get_backend("auto", "tf32")


def test_a_precision_that_neither_device_has(install, monkeypatch):
    monkeypatch.setenv("PYDBCNN_ISA", "baseline")
    install(FakeCupy(capability=(7, 5)))
    with pytest.raises(ValueError, match=r"needs the instruction set .*'float32'\.$"):
        get_backend("cpu", "bfloat16")
    with pytest.raises(ValueError, match=r"'float32'\. No GPU is used: .* 7\.5\."):
        get_backend("auto", "bfloat16")


@pytest.mark.parametrize("name", ["cuda:0", "gpu", "CPU"])
def test_unknown_devices(name):
    message = rf"device='{name}': expected one of auto, cpu, cuda.*cupy\.cuda\.Device"
    X = np.zeros((1, 8, 8))
    for call in (
        lambda: get_backend(name),
        lambda: DBCNNDeblurrer(device=name).fit(X, X),
        lambda: GaussianBlurTransformer(device=name).fit(X),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_blur_asks_for_the_device_when_it_blurs(install):
    install(FakeCupy(capability=(7, 0)))
    X = np.zeros((1, 8, 8))
    blur = GaussianBlurTransformer(device="cuda").fit(X)
    with pytest.raises(DeviceUnavailableError, match="too old"):
        blur.transform(X)


def test_versions_name_the_gpu(install, monkeypatch, capsys):
    install(FakeCupy(capability=(12, 0)), driver=12090)
    monkeypatch.setattr(
        device, "cupy_versions", lambda: {"cupy-cuda12x": "14.2.0", "cupy": "14.0"}
    )
    pydbcnn.show_versions()
    shown = capsys.readouterr().out.splitlines()
    rows = {row[:18].strip(): row[19:] for row in shown}
    assert rows["GPU"] == (
        "Example 0 with compute capability 12.0, 80 GiB, driver for CUDA 12.9, "
        "CuPy 14.2.0"
    )
    assert (rows["cupy-cuda12x"], rows["cupy"]) == ("14.2.0", "14.0")


def test_versions_say_why_there_is_no_gpu(install):
    install(driver=0)
    assert versions.describe()["GPU"].startswith("not used: there is no NVIDIA driver")


def test_packages_of_cupy_that_are_not_there(monkeypatch):
    def version(name):
        if name == "cupy-cuda12x":
            return "14.1.0"
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    assert device.cupy_versions() == {"cupy-cuda12x": "14.1.0"}


@pytest.fixture
def folder(tmp_path, monkeypatch, sharp, blurred):
    """A blurred photograph and a dataset of pairs, in the current folder."""
    monkeypatch.chdir(tmp_path)
    save_png(tmp_path / "photo.png", Image.fromarray(blurred[0]))
    (tmp_path / "photos").mkdir()
    for index, image in enumerate(sharp):
        save_png(tmp_path / "photos" / f"{index}.png", Image.fromarray(image))
    assert main(["make-dataset", "photos", "pairs", "--sigma", "1.6", "--quiet"]) == 0
    return tmp_path


def test_commands_compute_on_the_device(usable, folder, monkeypatch):
    """Results are those of the CPU, since what stands in for a GPU has its bits."""
    small = "--filters 4 3 --kernels 3 1 3 --patch-size 16 --batch-size 4 --epochs 1"
    devices = {"there": "--device cuda --precision tf32", "here": "--device cpu"}
    for name, how in devices.items():
        model, photo = f"{name}.safetensors", f"{name}.png"
        train = f"train pairs -o {model} {small} --quiet {how}"
        assert main(train.split()) == 0
        assert main(f"deblur photo.png -m {model} -o {photo} {how}".split()) == 0
        assert main(f"evaluate {model} pairs {how}".split()) == 0
    one, other = (read_model(folder / f"{name}.safetensors") for name in devices)
    np.testing.assert_array_equal(one[0].params, other[0].params)
    # The file goes to machines without tf32, and without this device.
    assert one[1] == other[1]
    assert one[1]["precision"] == "float32"
    assert "device" not in one[1]
    pictures = [np.asarray(Image.open(f"{name}.png")) for name in devices]
    np.testing.assert_array_equal(*pictures)


def test_a_command_says_why_it_cannot_use_the_gpu(install, folder, capsys):
    install(driver=0)
    for command in (
        "deblur photo.png",
        "evaluate mild pairs",
        "train pairs -o m.safetensors",
    ):
        assert main([*command.split(), "--device", "cuda"]) == 1
        error = capsys.readouterr().err
        assert error.startswith("pydbcnn: error: device='cuda' cannot be used here")
        assert "no NVIDIA driver" in error


def test_a_command_says_that_the_memory_of_the_gpu_is_full(
    usable, folder, monkeypatch, capsys
):
    def forward(*args, **kwargs):
        raise MemoryError("Out of memory allocating 512 bytes")

    monkeypatch.setattr(DeviceBackend, "forward", forward)
    for command in "deblur photo.png --quiet", "evaluate mild pairs":
        assert main([*command.split(), "--device", "cuda"]) == 1
        assert "Out of memory allocating 512 bytes" in capsys.readouterr().err
