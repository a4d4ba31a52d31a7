// All kernels of the GPU engine. NVRTC compiles those that a run needs at its first use;
// the tests compile the same text with a host compiler.
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
