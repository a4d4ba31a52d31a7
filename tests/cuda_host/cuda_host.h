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

template <class T>
inline T __ldg(const T* address) { return *address; }

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
        fibers[current].wait = AT_BARRIER;
        return to_scheduler();
    }
    n_at_barrier = 0;
    for (int i = 0; i < n_threads; ++i)
        fibers[i].wait = READY;
}

__attribute__((noinline)) static void __syncwarp(unsigned mask = 0xffffffffu)
{
    cuda_host::meet("__syncwarp", {mask}, [](cuda_host::Fiber*) {});
}

namespace cuda_host {

// Every lane gets the value of another; it keeps its own where that is none of its group.
template <class T, class Source>
__attribute__((noinline)) T shuffle(const char* name, unsigned mask, T value,
                                    int argument, int width, Source source)
{
    if (width < 1 || width > warpSize || width & (width - 1))
        fail("%s: width %d is no power of two up to 32", name, width);
    T result;
    const auto exchange = [=](Fiber* lanes) {
        for (int lane = 0; lane < warpSize; ++lane) {
            if (!(mask >> lane & 1))
                continue;
            const Operand& operand = lanes[lane].operand;
            const int first = lane & ~(width - 1);
            int from = source(lane - first, (int)operand.b0, width);
            from = from < 0 || from >= width ? lane : first + from;
            if (!(mask >> from & 1))
                fail("%s: lane %d reads lane %d, which takes no part", name, lane, from);
            *(T*)operand.result = *(const T*)lanes[from].operand.a;
        }
    };
    meet(name, {mask, &result, &value, (unsigned)argument}, exchange);
    return result;
}

} // namespace cuda_host

template <class T>
inline T __shfl_sync(unsigned mask, T value, int from, int width = 32)
{
    return cuda_host::shuffle("__shfl_sync", mask, value, from, width,
                              [](int, int from, int width) { return from & (width - 1); });
}

template <class T>
inline T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32)
{
    return cuda_host::shuffle("__shfl_up_sync", mask, value, delta, width,
                              [](int lane, int delta, int) { return lane - delta; });
}

template <class T>
inline T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32)
{
    return cuda_host::shuffle("__shfl_down_sync", mask, value, delta, width,
                              [](int lane, int delta, int) { return lane + delta; });
}

template <class T>
inline T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32)
{
    return cuda_host::shuffle("__shfl_xor_sync", mask, value, bits, width,
                              [](int lane, int bits, int) { return lane ^ bits; });
}
