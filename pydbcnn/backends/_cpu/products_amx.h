/* Products of bfloat16 matrices with AMX.  One instruction multiplies 16 pixels x 32
 * inputs with 32 inputs x 16 filters: 8192 multiply-adds.  Read products.h first. */
#ifndef PYDBCNN_PRODUCTS_AMX_H
#define PYDBCNN_PRODUCTS_AMX_H

#include "products.h"

#include <immintrin.h>

/* The eight registers are tiles of 16 rows of 64 bytes.  Registers 0 to 3 hold the sums
 * of 2 x 16 pixels by 2 x 16 filters, 4 and 5 pixels, and 6 and 7 weights, so that each
 * load serves two products. */
static const struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_shapes __attribute__((aligned(64))) = {
    .palette = 1,
    .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
    .rows = {16, 16, 16, 16, 16, 16, 16, 16},
};

/* Needed, since the intrinsics do not tell the compiler which memory they touch. */
#define MEMORY_BARRIER() __asm__ volatile("" ::: "memory")

INLINE void begin_products(void)
{
    _tile_loadconfig(&tile_shapes);
}

INLINE void end_products(void)
{
    _tile_release();
}

/* One or two tiles of pixels from x on, by one or two tiles of filters. */
INLINE void multiply_tiles(const int two_blocks, const int two_tiles,
                           const product_task *task, int x, const uint16_t *weights,
                           const float *bias, float *output)
{
    const ptrdiff_t step = task->step * sizeof(uint16_t);
    const ptrdiff_t stride = task->output_stride * sizeof(float);
    MEMORY_BARRIER();
    _tile_loadd(0, bias, 0); /* a stride of 0 repeats the row */
    if (two_tiles)
        _tile_loadd(1, bias + TILE, 0);
    if (two_blocks)
        _tile_loadd(2, bias, 0);
    if (two_blocks && two_tiles)
        _tile_loadd(3, bias + TILE, 0);
    for (int row = 0; row < task->n_rows; row++) {
        const uint16_t *in = task->rows[row] + (ptrdiff_t)x * task->step;
        for (int k = 0; k < task->depth; k += CHUNK) {
            _tile_loadd(4, in + k, step);
            _tile_loadd(6, weights, 64);
            _tile_dpbf16ps(0, 4, 6);
            if (two_tiles) {
                _tile_loadd(7, weights + TILE * CHUNK, 64);
                _tile_dpbf16ps(1, 4, 7);
            }
            if (two_blocks) {
                _tile_loadd(5, in + TILE * task->step + k, step);
                _tile_dpbf16ps(2, 5, 6);
            }
            if (two_blocks && two_tiles)
                _tile_dpbf16ps(3, 5, 7);
            weights += (1 + two_tiles) * TILE * CHUNK;
        }
    }
    _tile_stored(0, output, stride);
    if (two_tiles)
        _tile_stored(1, output + TILE, stride);
    if (two_blocks)
        _tile_stored(2, output + TILE * task->output_stride, stride);
    if (two_blocks && two_tiles)
        _tile_stored(3, output + TILE * task->output_stride + TILE, stride);
    MEMORY_BARRIER();
}

/* Up to BLOCK_PIXELS pixels from x on, by one or two tiles of filters. */
INLINE void multiply_pixels(const int two_tiles, const product_task *task, int x,
                            int pixels, const uint16_t *weights, const float *bias,
                            float *output)
{
    if (pixels > TILE)
        multiply_tiles(1, two_tiles, task, x, weights, bias, output);
    else
        multiply_tiles(0, two_tiles, task, x, weights, bias, output);
}

/* The twin of `peak_loop`, see peak.h. */
static double bf16_peak_loop(long rounds, float *values)
{
    begin_products();
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    MEMORY_BARRIER();
    _tile_loadd(4, values, 0);
    _tile_loadd(6, values, 0);
    for (long round = 0; round < rounds; round++) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 6);
        _tile_dpbf16ps(2, 4, 6);
        _tile_dpbf16ps(3, 4, 6);
    }
    end_products();
    return 2.0 * 4 * TILE * TILE * CHUNK * rounds;
}

#endif
