// All kernels of the GPU engine, in the order in which they build on each other.
// NVRTC compiles those that a run needs at its first use; the tests also compile the
// same text with a host compiler. Start with image.cuh and convolution.cuh;
// docs/gpu.rst explains the whole.
#include "ptx.cuh"
#include "image.cuh"
#include "taps.cuh"
#include "products.cuh"
#include "convolution.cuh"
#include "weights_gradient.cuh"
#include "channels.cuh"
#include "combination.cuh"
#include "loss.cuh"
#include "optimizers.cuh"
#include "strip.cuh"
#include "fragments.cuh"
#include "packing.cuh"
#include "forward_float32.cuh"
#include "forward_mma.cuh"
#include "gradient_mma.cuh"
#include "blur.cuh"
