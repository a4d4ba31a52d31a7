// The host twins of ptx.cuh: see there for what they do and how lanes hold matrices.
#pragma once

#include "cuda_host.h"

inline int lane_number() { return cuda_host::current % warpSize; }
inline int warp_number() { return cuda_host::current / warpSize; }

inline unsigned round_tf32(float value)
{
    const unsigned bits = __float_as_uint(value);
    if ((bits & 0x7fffffffu) >= 0x7f800000u) // infinity, or a NaN that must stay one
        return value != value ? 0x7fffe000u : bits;
    return (bits + 0x1000u) & ~0x1fffu; // into the exponent, where it carries
}

namespace cuda_host {

inline unsigned round_bfloat16(float value)
{
    const unsigned bits = __float_as_uint(value);
    if (value != value)
        return 0x7fff;
    return (bits + 0x7fffu + (bits >> 16 & 1)) >> 16;
}

typedef float Row __attribute__((vector_size(32), aligned(4), may_alias));

// The part of a number that is a multiple of a power of two.
inline double truncated(double value, double unit)
{
    return trunc(value / unit) * unit;
}

// As M. Fasi, N. Higham, M. Mikaitis and S. Pranesh found (Numerical behavior of NVIDIA
// tensor cores, PeerJ Computer Science 7:e330, 2021) of the first tensor cores, which
// are the least exact: the terms lose what lies below the last bit of the largest, and
// the sum is rounded towards zero.
template <int N>
inline float add_truncated(float sum, const double (&products)[N])
{
    double largest = fabs(sum), plain = sum;
    for (double product : products) {
        largest = fmax(largest, fabs(product));
        plain += product;
    }
    if (largest == 0 || !std::isfinite(plain))
        return plain;
    const double unit = ldexp(1.0, ilogb(largest) - 23);
    double exact = truncated(sum, unit);
    for (double product : products)
        exact += truncated(product, unit);
    const float nearest = exact;
    return fabs(nearest) > fabs(exact) ? nextafterf(nearest, 0.0f) : nearest;
}

// sum += a b, with exact products: those of tf32 and bfloat16 values need 22 bits.
template <int K>
inline void multiply(float (&sum)[16][8], const float (&a)[16][K],
                     const float (&b)[K][8])
{
#ifdef CUDA_HOST_TRUNCATED_SUMS
    constexpr int N = K / 2; // terms that are added together: 4 of tf32, 8 of bfloat16
    for (int i = 0; i < 16; ++i)
        for (int j = 0; j < 8; ++j)
            for (int first = 0; first < K; first += N) {
                double products[N];
                for (int k = 0; k < N; ++k)
                    products[k] = (double)a[i][first + k] * b[first + k][j];
                sum[i][j] = add_truncated(sum[i][j], products);
            }
#else
    for (int i = 0; i < 16; ++i) {
        Row row = *(const Row*)sum[i];
        for (int k = 0; k < K; ++k)
            row += a[i][k] * *(const Row*)b[k];
        *(Row*)sum[i] = row;
    }
#endif
}

// The accumulator lies the same way for both types.
template <int K>
inline void multiply_into(Lane* warp, const float (&a)[16][K], const float (&b)[K][8])
{
    float sum[16][8];
    for (int lane = 0; lane < warpSize; ++lane)
        for (int i = 0; i < 4; ++i)
            sum[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2] =
                ((float*)warp[lane].operand.result)[i];
    multiply(sum, a, b);
    for (int lane = 0; lane < warpSize; ++lane)
        for (int i = 0; i < 4; ++i)
            ((float*)warp[lane].operand.result)[i] =
                sum[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2];
}

// The device reads no more of a register than the bits of a tf32 value.
inline float tf32(unsigned bits) { return __uint_as_float(bits & ~0x1fffu); }

inline void mma_tf32_of_warp(Lane* warp)
{
    float a[16][8], b[8][8];
    for (int lane = 0; lane < warpSize; ++lane) {
        const Operand& operand = warp[lane].operand;
        const unsigned* registers = (const unsigned*)operand.a;
        const int g = lane / 4, t = lane % 4;
        for (int i = 0; i < 4; ++i)
            a[g + i % 2 * 8][t + i / 2 * 4] = tf32(registers[i]);
        b[t][g] = tf32(operand.b0);
        b[t + 4][g] = tf32(operand.b1);
    }
    multiply_into(warp, a, b);
}

inline void mma_bfloat16_of_warp(Lane* warp)
{
    float a[16][16], b[16][8];
    const auto value = [](unsigned bits, int half) {
        return __uint_as_float(half ? bits & 0xffff0000u : bits << 16);
    };
    for (int lane = 0; lane < warpSize; ++lane) {
        const Operand& operand = warp[lane].operand;
        const unsigned* registers = (const unsigned*)operand.a;
        const int g = lane / 4, t = lane % 4;
        for (int half = 0; half < 2; ++half) {
            for (int i = 0; i < 4; ++i)
                a[g + i % 2 * 8][2 * t + half + i / 2 * 8] = value(registers[i], half);
            b[2 * t + half][g] = value(operand.b0, half);
            b[2 * t + half + 8][g] = value(operand.b1, half);
        }
    }
    multiply_into(warp, a, b);
}

} // namespace cuda_host

inline unsigned pack_bfloat16(float low, float high)
{
    return cuda_host::round_bfloat16(low) | cuda_host::round_bfloat16(high) << 16;
}

__attribute__((noinline)) static void mma_tf32(float (&sum)[4], const unsigned (&a)[4],
                                               unsigned b0, unsigned b1)
{
    cuda_host::meet("mma_tf32", {~0u, sum, a, b0, b1}, cuda_host::mma_tf32_of_warp);
}

__attribute__((noinline)) static void
mma_bfloat16(float (&sum)[4], const unsigned (&a)[4], unsigned b0, unsigned b1)
{
    cuda_host::meet("mma_bfloat16", {~0u, sum, a, b0, b1},
                    cuda_host::mma_bfloat16_of_warp);
}
