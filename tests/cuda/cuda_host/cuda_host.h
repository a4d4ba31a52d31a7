// What kernels take from CUDA, for a host compiler. Atomic operations are left out: the
// engine must give the same result each time.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "fibers.h"

#define __global__ static
#define __device__
#define __host__
#define __constant__ const
#define __launch_bounds__(...)
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(n) alignas(n)
// In the place of `extern __shared__ type name[];`: the launch says where it lies.
#define CUDA_HOST_SHARED(type, name)                                                   \
    using cuda_host_##name = type;                                                     \
    cuda_host_##name* const name = (cuda_host_##name*)cuda_host::dynamic_shared

#define CUDA_HOST_VECTOR2(name, type)                                                  \
    struct alignas(2 * sizeof(type)) name {                                            \
        type x, y;                                                                     \
    };                                                                                 \
    inline name make_##name(type x, type y) { return {x, y}; }
#define CUDA_HOST_VECTOR4(name, type)                                                  \
    struct alignas(4 * sizeof(type)) name {                                            \
        type x, y, z, w;                                                               \
    };                                                                                 \
    inline name make_##name(type x, type y, type z, type w) { return {x, y, z, w}; }
CUDA_HOST_VECTOR2(float2, float)
CUDA_HOST_VECTOR4(float4, float)
CUDA_HOST_VECTOR2(int2, int)
CUDA_HOST_VECTOR4(int4, int)
CUDA_HOST_VECTOR2(uint2, unsigned)
CUDA_HOST_VECTOR4(uint4, unsigned)

static_assert(sizeof(long long) == 8 && sizeof(unsigned) == 4);

inline float __uint_as_float(unsigned bits)
{
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

inline unsigned __float_as_uint(float value)
{
    unsigned bits;
    memcpy(&bits, &value, 4);
    return bits;
}

#define __ldg(address) (*(address)) // no function: a fault has the line of the kernel

template <class T>
inline T min(T a, T b) { return b < a ? b : a; }

template <class T>
inline T max(T a, T b) { return a < b ? b : a; }

inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }

__attribute__((noinline)) static void __syncthreads()
{
    using namespace cuda_host;
    if (++n_at_barrier < n_threads) {
        waits[current] = AT_BARRIER;
        return take_turns();
    }
    n_at_barrier = 0;
    memset(waits, READY, n_threads);
}

__attribute__((noinline)) static void __syncwarp(unsigned mask = 0xffffffffu)
{
    cuda_host::meet("__syncwarp", {mask}, [](cuda_host::Lane*) {});
}

namespace cuda_host {

// Every lane gets the value of the lane that `source` names, for groups of some width.
template <class T, class Source>
__attribute__((noinline)) T shuffle(const char* name, unsigned mask, T value,
                                    int argument, int width, Source source)
{
    if (width < 1 || width > warpSize || width & (width - 1))
        fail("%s: width %d is no power of two up to 32", name, width);
    T result;
    const auto exchange = [=](Lane* warp) {
        for (int lane = 0; lane < warpSize; ++lane) {
            if (!(mask >> lane & 1))
                continue;
            const Operand& operand = warp[lane].operand;
            const int first = lane & ~(width - 1), by = operand.b0;
            const int from = source(lane, by, first, first + width);
            if (!(mask >> from & 1))
                fail("%s: lane %d reads %d, which takes no part", name, lane, from);
            *(T*)operand.result = *(const T*)warp[from].operand.a;
        }
    };
    meet(name, {mask, &result, &value, (unsigned)argument}, exchange);
    return result;
}

} // namespace cuda_host

// A lane keeps its own value where the other would lie outside its group; by xor it may
// lie in a group before.
#define CUDA_HOST_SHUFFLE(name, argument, from)                                        \
    template <class T>                                                                 \
    inline T name(unsigned mask, T value, argument, int width = 32)                    \
    {                                                                                  \
        return cuda_host::shuffle(#name, mask, value, by, width,                       \
                                  [](int lane, int by, int first, int end) {           \
                                      return from;                                     \
                                  });                                                  \
    }

CUDA_HOST_SHUFFLE(__shfl_sync, int by, first + (by & (end - first - 1)))
CUDA_HOST_SHUFFLE(__shfl_up_sync, unsigned by, lane - by >= first ? lane - by : lane)
CUDA_HOST_SHUFFLE(__shfl_down_sync, unsigned by, lane + by < end ? lane + by : lane)
CUDA_HOST_SHUFFLE(__shfl_xor_sync, int by, (lane ^ by) < end ? lane ^ by : lane)
