/* Vectors of floats through the vector extensions of GCC and Clang, with intrinsics for
 * what these cannot say, and the block sizes that follow from the number and the width
 * of the vector registers. */
#ifndef PYDBCNN_VECTOR_H
#define PYDBCNN_VECTOR_H

#if defined(__AVX2__)
#include <immintrin.h>
#endif
#include <stddef.h>
#include <string.h>

/* A block of the convolution keeps PIXELS x 2 accumulators in registers, beside 2
 * vectors of weights and 1 of a repeated input value.  Two multiply-add units with
 * a latency of 4 cycles want at least 8 accumulators; the more there are, the fewer
 * loads a multiply-add costs (AVX-512: 14 loads for 24).
 *
 * A block of the last layer keeps DOT_ROWS x DOT_PIXELS accumulators beside a column
 * of up to DOT_TAPS weights and 1 input vector, which serves every row that sees it
 * (AVX-512: 37 loads for 80).
 *
 * A block of a filter keeps FILTER_ROWS x 2 accumulators beside 2 vectors of inputs, and
 * one repeated weight at a time (AVX-512: 12 loads for 16 multiply-adds and 2 sums). */
#if defined(__AVX512F__)
#define LANES 16 /* 32 registers: 12 x 2 + 2 + 1, 4 x 4 + 5 + 1 */
enum { PIXELS = 12, DOT_ROWS = 4, DOT_PIXELS = 4, FILTER_ROWS = 8 };
#elif defined(__AVX2__)
#define LANES 8 /* 16 registers: 6 x 2 + 2 + 1, 2 x 4 + 5 + 1 */
enum { PIXELS = 6, DOT_ROWS = 2, DOT_PIXELS = 4, FILTER_ROWS = 4 };
#elif defined(__aarch64__)
#define LANES 4 /* 32 registers */
enum { PIXELS = 12, DOT_ROWS = 4, DOT_PIXELS = 4, FILTER_ROWS = 8 };
#else
#define LANES 4 /* 16 registers, and products need one of their own */
enum { PIXELS = 6, DOT_ROWS = 2, DOT_PIXELS = 2, FILTER_ROWS = 4 };
#endif

enum { VECTORS = 2 };  /* vectors of filters in a block */
enum { DOT_TAPS = 5 }; /* rows of a kernel that are held at once */
enum { FILTER_VECTORS = 2 }; /* vectors of a row of a filtered image */
_Static_assert(VECTORS == 2, "loops over filters make blocks of one or two vectors");
_Static_assert(16 % LANES == 0, "buffers begin at multiples of 16 floats");
_Static_assert((int)DOT_PIXELS <= LANES, "one vector takes the sums of DOT_PIXELS");

typedef float vec __attribute__((vector_size(4 * LANES)));
typedef int mask __attribute__((vector_size(4 * LANES)));

#define INLINE static inline __attribute__((always_inline))

INLINE int smaller(int a, int b)
{
    return a < b ? a : b;
}

INLINE vec load(const float *from)
{
    return *(const vec *)from; /* aligned: every vector starts at a multiple of it */
}

INLINE vec load_any(const float *from)
{
    vec value;
    memcpy(&value, from, sizeof value);
    return value;
}

INLINE void store(float *to, vec value)
{
    *(vec *)to = value;
}

INLINE void store_any(float *to, vec value)
{
    memcpy(to, &value, sizeof value);
}

INLINE vec where(mask condition, vec value)
{
    return (vec)((mask)value & condition);
}

/* A NaN stays one, so that a fit that diverged is noticed: of two operands of which
 * one is no number, the maximum of x86 is the second. */
INLINE vec rectify(vec value)
{
#if LANES == 16
    return (vec)_mm512_max_ps((__m512){0}, (__m512)value);
#elif LANES == 8
    return (vec)_mm256_max_ps((__m256){0}, (__m256)value);
#else
    return where(~(mask)(value < (vec){0}), value);
#endif
}

INLINE vec where_positive(vec condition, vec value)
{
    return where((mask)(condition > (vec){0}), value);
}

/* Lanes 0, 2, 4, ... and 1, 3, 5, ... of two vectors joined. */
#if LANES == 16
#define EVEN_LANES 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD_LANES 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#elif LANES == 8
#define EVEN_LANES 0, 2, 4, 6, 8, 10, 12, 14
#define ODD_LANES 1, 3, 5, 7, 9, 11, 13, 15
#else
#define EVEN_LANES 0, 2, 4, 6
#define ODD_LANES 1, 3, 5, 7
#endif
#if defined(__clang__)
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (mask){__VA_ARGS__})
#endif

/* Sums of neighbouring lanes, those of `a` first. */
INLINE vec add_neighbours(vec a, vec b)
{
    return SHUFFLE(a, b, EVEN_LANES) + SHUFFLE(a, b, ODD_LANES);
}

/* The lanes of each of `count` vectors summed: sum number i becomes lane i % LANES of
 * vector i / LANES.  Always in pairs, so a sum has the same bits in any place. */
INLINE void sum_lanes(int count, vec *values)
{
#pragma GCC unroll 4
    for (int lanes = LANES; lanes > 1; lanes /= 2) {
#pragma GCC unroll 16
        for (int i = 0; i < (count + 1) / 2; i++)
            values[i] = add_neighbours(values[2 * i],
                                       values[smaller(2 * i + 1, count - 1)]);
        count = (count + 1) / 2;
    }
}

INLINE int divide_up(int value, int part)
{
    return (value + part - 1) / part;
}

INLINE int round_up(int value, int step)
{
    return divide_up(value, step) * step;
}

/* Buffers within one allocation start at multiples of 64 bytes. */
INLINE size_t aligned_floats(size_t count)
{
    return (count + 15) / 16 * 16;
}

INLINE float *take(float **arena, size_t count)
{
    float *start = *arena;
    *arena += aligned_floats(count);
    return start;
}

/* `total` split into the fewest parts of at most `most`, as even as can be: no
 * part is so small that its loads outweigh its arithmetic. */
INLINE int even_part(int total, int most)
{
    return divide_up(total, divide_up(total, most));
}

_Static_assert((int)PIXELS <= 12 && (int)FILTER_ROWS <= 12 && (int)DOT_TAPS <= 12 &&
                   (int)DOT_PIXELS <= 12,
               "WITH_BLOCK has a case for each size of a block");

/* Makes `call` with `block` as a constant of the value of `size`, which is at most
 * `most`: only with constant sizes do the sums of a block stay in registers. */
#define BLOCK_CASE(size, most, call)                                                   \
    case size: {                                                                       \
        enum { block = (size) <= (most) ? (size) : (most) };                           \
        call;                                                                          \
        break;                                                                         \
    }
#define WITH_BLOCK(size, most, call)                                                   \
    switch (size) {                                                                    \
        BLOCK_CASE(1, most, call)                                                      \
        BLOCK_CASE(2, most, call)                                                      \
        BLOCK_CASE(3, most, call)                                                      \
        BLOCK_CASE(4, most, call)                                                      \
        BLOCK_CASE(5, most, call)                                                      \
        BLOCK_CASE(6, most, call)                                                      \
        BLOCK_CASE(7, most, call)                                                      \
        BLOCK_CASE(8, most, call)                                                      \
        BLOCK_CASE(9, most, call)                                                      \
        BLOCK_CASE(10, most, call)                                                     \
        BLOCK_CASE(11, most, call)                                                     \
        BLOCK_CASE(12, most, call)                                                     \
    }

#endif
