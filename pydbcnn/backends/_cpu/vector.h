/* Vectors of floats, and the sizes of blocks that follow from the number and the width
 * of the vector registers.
 *
 * A vector has LANES floats.  It is a type of the vector extensions of GCC and Clang,
 * so that one source serves all instruction sets; intrinsics stand only for what these
 * extensions cannot express. */
#ifndef PYDBCNN_VECTOR_H
#define PYDBCNN_VECTOR_H

#if defined(__AVX2__)
#include <immintrin.h>
#endif
#include <stddef.h>
#include <string.h>

/* A block is what one run of an inner loop computes: its sums stay in registers.
 *
 * A block of a hidden layer (convolution.h) has PIXELS x 2 sums, beside 2 vectors of
 * weights and 1 vector that repeats an input value.  Two units that take 4 cycles for a
 * multiply-add need at least 8 sums to be busy, and the more sums there are, the fewer
 * loads a multiply-add costs (AVX-512: 14 loads for 24 multiply-adds).
 *
 * A block of the last layer has DOT_ROWS x DOT_PIXELS sums, beside a column of up to
 * DOT_TAPS vectors of weights and 1 vector of inputs, which serves every row of output
 * that sees it (AVX-512: 37 loads for 80 multiply-adds).
 *
 * A block of the filter (filter.h) has FILTER_ROWS x 2 sums, beside 2 vectors of inputs
 * and 1 vector that repeats a weight (AVX-512: 12 loads for 16 multiply-adds and the 2
 * additions of inputs that share a weight). */
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
#define LANES 4 /* 16 registers; a product that is not fused takes one of them */
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
    return *(const vec *)from; /* `from` is a multiple of the size of a vector */
}

/* Loads a vector from any address, aligned or not. */
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

/* `value` in the lanes where all bits of `condition` are set, and zero in the
 * others. */
INLINE vec where(mask condition, vec value)
{
    return (vec)((mask)value & condition);
}

/* The rectifier, max(0, x).  A NaN stays a NaN, so that a fit that diverged is noticed:
 * where one operand is a NaN, the maximum of x86 is its second operand. */
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

/* `value` in the lanes where `condition` is positive, and zero in the others. */
INLINE vec where_positive(vec condition, vec value)
{
    return where((mask)(condition > (vec){0}), value);
}

/* Lanes 0, 2, 4, ... and 1, 3, 5, ... of two vectors one behind the other. */
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

/* The sums of neighbouring lanes: first those of `a`, then those of `b`. */
INLINE vec add_neighbours(vec a, vec b)
{
    return SHUFFLE(a, b, EVEN_LANES) + SHUFFLE(a, b, ODD_LANES);
}

/* Adds the lanes of each of `count` vectors: the sum of vector i becomes lane i % LANES
 * of vector i / LANES.  Lanes are always added in the same pairs, so that a sum has the
 * same bits whatever its place. */
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

/* Buffers in one allocation begin at multiples of 64 bytes, as whole vectors need
 * it. */
INLINE size_t aligned_floats(size_t count)
{
    return (count + 15) / 16 * 16;
}

/* A buffer of `count` floats, cut from the beginning of the free memory `arena`. */
INLINE float *take(float **arena, size_t count)
{
    float *start = *arena;
    *arena += aligned_floats(count);
    return start;
}

/* The size of the parts when `total` is split into the fewest parts of at most `most`.
 * Their sizes are as even as can be, so that no part is so small that its loads
 * outweigh its arithmetic. */
INLINE int even_part(int total, int most)
{
    return divide_up(total, divide_up(total, most));
}

_Static_assert((int)PIXELS <= 12 && (int)FILTER_ROWS <= 12 && (int)DOT_TAPS <= 12 &&
                   (int)DOT_PIXELS <= 12,
               "WITH_BLOCK has a case for each size of a block");

/* Runs `call` with a constant `block` of the value of `size`, which is at most `most`:
 * only if the size of a block is a constant do its sums stay in registers. */
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
