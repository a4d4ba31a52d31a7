// What the compiler checks in kernels, told as errors of the kernel: misaligned
// accesses, on which a device faults, indices outside arrays of fixed size, overflows.
// These are the functions that the compiler calls with -fsanitize.
#pragma once

#include "fibers.h"

namespace cuda_host {

struct Place {
    const char* file;
    unsigned line, column;
};

[[noreturn]] static void fail_at(const Place* place, const char* what)
{
    fail("%s at %s:%u:%u", what, place->file, place->line, place->column);
}

} // namespace cuda_host

#define CUDA_HOST_CHECK(name, what)                                                    \
    extern "C" void __ubsan_handle_##name##_abort(const cuda_host::Place* place, ...)  \
    {                                                                                  \
        cuda_host::fail_at(place, what);                                               \
    }

CUDA_HOST_CHECK(type_mismatch_v1, "misaligned access")
CUDA_HOST_CHECK(out_of_bounds, "index outside an array")
CUDA_HOST_CHECK(add_overflow, "overflow of an integer")
CUDA_HOST_CHECK(sub_overflow, "overflow of an integer")
CUDA_HOST_CHECK(mul_overflow, "overflow of an integer")
CUDA_HOST_CHECK(negate_overflow, "overflow of an integer")
CUDA_HOST_CHECK(divrem_overflow, "division by zero")
CUDA_HOST_CHECK(shift_out_of_bounds, "shift by more bits than there are")
