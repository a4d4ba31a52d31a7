"""The same network in PyTorch on a GPU. The tests of the peers run it on the CPU."""

from functools import partial

from peers import torch_compiled, torch_module, torch_planes

from .contenders import Contender

LEARNING_RATE = 1e-3
WARM_UPS = 3  # of a graph the first call compiles, the second records
# Layout, and the mode of torch.compile.
WAYS = {
    "PyTorch eager": ("contiguous_format", None),
    "PyTorch channels last": ("channels_last", None),
    "torch.compile max-autotune": ("channels_last", "max-autotune"),
}


def ways(make, *arguments, device="cuda"):
    """The ways to use PyTorch, for `timing.start`.

    Parameters
    ----------
    make : {forward, step}
    *arguments
        Its first ones.
    device : str, default="cuda"
    """
    return {
        name: (("torch",), partial(make, *arguments, *way, device))
        for name, way in WAYS.items()
    }


def forward(network, params, images, precision, layout, mode, device):
    """Estimates without gradients, zero-padded; images and estimates lie on the device.

    For bfloat16, weights, images and estimates are of that type.
    """
    import torch

    _choose(precision)
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    module = torch_module(network, params, padded=True)
    module = module.to(memory_format=getattr(torch, layout)).to(device, dtype)
    planes = torch_planes(images, layout).to(device, dtype)

    def estimate(planes):
        return module(planes) + planes

    if mode:
        estimate = torch_compiled(estimate, mode)

    def step():
        with torch.no_grad():
            return estimate(planes)

    for _ in range(WARM_UPS):
        step()
    return Contender(step, _channels_last_on_host, graphs=mode is not None)


def _channels_last_on_host(planes):
    return planes.float().permute(0, 2, 3, 1).cpu().numpy()


def step(network, params, patches, targets, precision, layout, mode, device):
    """Training steps: loss, gradient, Adam; the loss is a number on the host.

    For bfloat16, the layers are under ``torch.autocast``, and parameters stay in single
    precision.
    """
    import torch

    _choose(precision)
    module = torch_module(network, params, padded=False)
    module = module.to(memory_format=getattr(torch, layout)).to(device)
    optimizer = torch.optim.Adam(module.parameters(), lr=LEARNING_RATE, fused=True)
    X, y = (torch_planes(side, layout).to(device) for side in (patches, targets))
    radius = network.radius

    def half_mean_square(X, y):
        with torch.autocast(device, torch.bfloat16, enabled=precision == "bfloat16"):
            detail = module(X)
        estimate = detail + X[:, :, radius:-radius, radius:-radius]
        return ((estimate - y) ** 2).mean() / 2

    if mode:
        half_mean_square = torch_compiled(half_mean_square, mode)

    def step():
        optimizer.zero_grad()
        loss = half_mean_square(X, y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return Contender(step, float, graphs=mode is not None)


def _choose(precision):
    """Whether products of single precision may be of tf32; the fastest algorithms."""
    import torch

    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
