// All kernels of the GPU engine. NVRTC compiles those that a run needs at its first use;
// the tests compile the same text with a host compiler.
#include "ptx.cuh"
#include "image.cuh"
#include "strip.cuh"
#include "fragments.cuh"
#include "packing.cuh"
#include "forward_float32.cuh"
#include "forward_mma.cuh"
#include "gradient_mma.cuh"
#include "blur.cuh"
