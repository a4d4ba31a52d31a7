"""The report of the GPU: its sections, and what it was measured on."""

import importlib.metadata
import importlib.util
import re
from pathlib import Path

import report
from report import Section

TITLE = "Speed on a GPU"
HOW = (
    "Medians of {rounds} rounds. In each round, all that stand in a row run once, in "
    "turn, or as often as fits 20 ms, between two events of the device. Before, all "
    "have run several times, so that kernels are compiled, algorithms chosen "
    "(`torch.backends.cudnn.benchmark = True`) and graphs recorded. Images, patches "
    "and results lie on the device. Times are in milliseconds; how many times as fast "
    "pydbcnn is, is in relation to the fastest of the others.",
    "MB are megabytes of device memory that a call needs beside what goes in and comes "
    "out, of pydbcnn and of the fastest other: how much CuPy's pool grows, and the "
    "most that PyTorch allocates, with what it sets aside for graphs. Weights are left "
    "out.",
    "The difference is the largest between results of pydbcnn and of any of the others "
    "in the same run, as a share of the largest value: of estimates, leaving out the "
    "border, which pydbcnn mirrors and the others pad with zeros, and of the losses of "
    "the first three steps.",
)
_FORWARD = "The network 9-1-5 with 64 and 32 filters, one image. "
_TRAINING = "Loss, gradient and an update by Adam; the loss is read by the host. "
SECTIONS = {
    "forward float32": Section(
        "Forward, float32", f"{_FORWARD}PyTorch may not use TF32."
    ),
    "forward tf32": Section("Forward, tf32", f"{_FORWARD}PyTorch may use TF32."),
    "forward bfloat16": Section(
        "Forward, bfloat16",
        f"{_FORWARD}Images and estimates of pydbcnn are of float32; of PyTorch, they "
        "are of bfloat16, as the weights are.",
    ),
    "training float32": Section(
        "Training step, float32", f"{_TRAINING}PyTorch may not use TF32."
    ),
    "training tf32": Section(
        "Training step, tf32", f"{_TRAINING}PyTorch may use TF32."
    ),
    "training bfloat16": Section(
        "Training step, bfloat16",
        f"{_TRAINING}Gradients of pydbcnn are of tf32; the layers of PyTorch are under "
        "`torch.autocast` to bfloat16.",
    ),
}


def markdown(machine, rows, rounds):
    """The report as Markdown; see `report.markdown`."""
    how = {"title": TITLE, "how": HOW, "sections": SECTIONS}
    return report.markdown(machine, rows, rounds, **how)


def describe(gpu, driver, cupy):
    """Rows about the GPU and the versions, as a dict of str.

    Parameters
    ----------
    gpu : Gpu
    driver : str
        What the kernel says of the driver; empty if it says nothing.
    cupy : module
    """
    version = re.search(r"\d+\.\d+(\.\d+)?", driver)
    return {
        "GPU": f"{gpu}, {gpu.memory / 2**30:.0f} GiB, {gpu.n_processors} processors",
        "driver": version[0] if version else "unknown",
        "CUDA of the driver": _release(cupy.cuda.runtime.driverGetVersion()),
        "CUDA of CuPy": _release(cupy.cuda.runtime.runtimeGetVersion()),
        "NVRTC": ".".join(map(str, cupy.cuda.nvrtc.getVersion())),
        "CuPy": cupy.__version__,
        **_torch_versions(),
        "pydbcnn": importlib.metadata.version("pydbcnn"),
    }


def kernel_driver(path=Path("/proc/driver/nvidia/version")):
    """What the kernel says of the driver, or nothing."""
    return path.read_text(encoding="utf-8") if path.exists() else ""


def _torch_versions():
    if importlib.util.find_spec("torch") is None:
        return {"PyTorch": "not installed"}
    import torch

    cudnn = torch.backends.cudnn.version() if torch.backends.cudnn.enabled else None
    return {
        "PyTorch": torch.__version__,
        "CUDA of PyTorch": str(torch.version.cuda),
        "cuDNN": str(cudnn),
    }


def _release(version):
    """CUDA's way to write 12040: 12.4."""
    return f"{version // 1000}.{version % 1000 // 10}"
