"""Prints by how many bytes a prediction or a training raises the peak of memory.

To be run in a process of its own: python memory_use.py predict|fit
"""

import re
import sys
from pathlib import Path

import numpy as np

from pydbcnn import DBCNNDeblurrer

PROCESS = Path("/proc/self")


def resident(name):
    """Bytes of memory in use: "VmRSS" is now, "VmHWM" at most since `forget_peak`."""
    status = (PROCESS / "status").read_text(encoding="utf-8")
    return 1024 * int(re.search(rf"{name}:\s+(\d+) kB", status)[1])


def forget_peak():
    """Let the peak start from what is in use now."""
    (PROCESS / "clear_refs").write_text("5", encoding="utf-8")


def fitted():
    """An estimator that has learned a little; all that it imports is imported."""
    tiny = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)
    deblurrer = DBCNNDeblurrer(
        patch_size=8, max_iter=1, learning_rate="cosine", random_state=0
    )
    return deblurrer.fit(tiny, tiny)


def of_predict():
    """Bytes that 64 Mpx of float32 need beside the image and its estimate."""
    rng = np.random.default_rng(0)
    grey = rng.random((1, 16, 16), np.float32)
    deblurrer = fitted().fit(grey, grey)
    deblurrer.predict(grey)
    image = rng.random((1, 8192, 8192), np.float32)
    forget_peak()
    before = resident("VmRSS")
    estimate = deblurrer.predict(image)
    return resident("VmHWM") - before - estimate.nbytes


def of_fit():
    """Bytes that an epoch on 16 colour images of 512 x 512 needs beside them."""
    deblurrer = fitted().set_params(patch_size=48)
    sharp = np.random.default_rng(0).integers(0, 256, (16, 512, 512, 3), np.uint8)
    blurred = sharp.copy()
    forget_peak()
    before = resident("VmRSS")
    deblurrer.fit(blurred, sharp)
    return resident("VmHWM") - before


if __name__ == "__main__":
    print({"predict": of_predict, "fit": of_fit}[sys.argv[1]]())
