/* Products of bfloat16 matrices with AVX512_BF16.  One instruction multiplies a pair of
 * inputs, repeated across a vector, with the pairs of weights of 16 filters.  Read
 * products.h first. */
#ifndef PYDBCNN_PRODUCTS_AVX512_H
#define PYDBCNN_PRODUCTS_AVX512_H

#include "products.h"

#include <immintrin.h>

/* AMX has to configure its registers; here there is nothing to do. */
INLINE void begin_products(void)
{
}

INLINE void end_products(void)
{
}

INLINE __m512bh repeat_pair(const uint16_t *from)
{
    int pair;
    memcpy(&pair, from, sizeof pair);
    return (__m512bh)_mm512_set1_epi32(pair);
}

/* One block: `pixels` pixels from x on, by `tiles` tiles of filters. */
INLINE void multiply_block_of_pairs(const int pixels, const int tiles,
                                    const product_task *task, int x,
                                    const uint16_t *weights, const float *bias,
                                    float *output)
{
    vec sum[PIXELS][VECTORS];
#pragma GCC unroll 16
    for (int p = 0; p < pixels; p++)
#pragma GCC unroll 16
        for (int t = 0; t < tiles; t++)
            sum[p][t] = load(bias + t * TILE);
    for (int row = 0; row < task->n_rows; row++) {
        const uint16_t *in = task->rows[row] + (ptrdiff_t)x * task->step;
        for (int k = 0; k < task->depth; k += CHUNK) {
            const int end = smaller(k + CHUNK, task->depth);
            for (int pair = k; pair < end; pair += 2) {
                const uint16_t *at = weights + (pair - k) * TILE;
                __m512bh weight[VECTORS];
#pragma GCC unroll 16
                for (int t = 0; t < tiles; t++)
                    weight[t] = (__m512bh)_mm512_load_si512(at + t * TILE * CHUNK);
#pragma GCC unroll 16
                for (int p = 0; p < pixels; p++) {
                    const __m512bh value = repeat_pair(in + p * task->step + pair);
#pragma GCC unroll 16
                    for (int t = 0; t < tiles; t++)
                        sum[p][t] =
                            (vec)_mm512_dpbf16_ps((__m512)sum[p][t], value, weight[t]);
                }
            }
            weights += tiles * TILE * CHUNK;
        }
    }
#pragma GCC unroll 16
    for (int p = 0; p < pixels; p++)
#pragma GCC unroll 16
        for (int t = 0; t < tiles; t++)
            store(output + p * task->output_stride + t * TILE, sum[p][t]);
}

/* Up to BLOCK_PIXELS pixels from x on, by one or two tiles of filters. */
INLINE void multiply_pixels(const int two_tiles, const product_task *task, int x,
                            int pixels, const uint16_t *weights, const float *bias,
                            float *output)
{
    const int part = even_part(pixels, PIXELS);
    for (int p = 0; p < pixels; p += part)
        WITH_BLOCK(smaller(part, pixels - p), PIXELS,
                   multiply_block_of_pairs(block, 1 + two_tiles, task, x + p, weights,
                                           bias, output + p * task->output_stride))
}

/* The twin of `peak_loop`, see peak.h. */
static double bf16_peak_loop(long rounds, float *values)
{
    const __m512bh pairs = (__m512bh)load(values);
    vec sum[PIXELS];
#pragma GCC unroll 16
    for (int p = 0; p < PIXELS; p++)
        sum[p] = (vec){0};
    for (long round = 0; round < rounds; round++)
#pragma GCC unroll 16
        for (int p = 0; p < PIXELS; p++)
            sum[p] = (vec)_mm512_dpbf16_ps((__m512)sum[p], pairs, pairs);
#pragma GCC unroll 16
    for (int p = 1; p < PIXELS; p++)
        sum[0] += sum[p];
    store(values + LANES, sum[0]);
    return 2.0 * 2 * LANES * PIXELS * rounds;
}

#endif
