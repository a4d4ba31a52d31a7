/* Products of bfloat16 matrices: the layout of the operands, for either instruction
 * set.  products_amx.h and products_avx512.h have the loops.
 *
 * The inputs under a row of a kernel are contiguous.  So a matrix (pixels x inputs) is
 * a row of an image, read with a step from a pixel to the next that is smaller than the
 * number of inputs: the matrix itself is never made.
 *
 * Weights are tiles of CHUNK inputs x TILE filters, in which pairs of inputs lie beside
 * each other: [pair][filter][2].  Where a row of a kernel has fewer inputs than its
 * tiles, weights are zero.  The values that these meet must not be NaN. */
#ifndef PYDBCNN_PRODUCTS_H
#define PYDBCNN_PRODUCTS_H

#include "vector.h"

#include <stdint.h>
#include <string.h>

enum {
    CHUNK = 32, /* inputs of a tile: 64 bytes, a row of a register of AMX */
    TILE = 16,  /* filters, or pixels, of a tile */
    BLOCK_PIXELS = 2 * TILE, /* pixels that are multiplied together */
};
_Static_assert((int)TILE == LANES, "a vector holds one sum for each filter of a tile");

typedef struct {
    const uint16_t *const *rows; /* input rows under the kernel */
    int n_rows;
    int step;                /* values from a pixel to the next */
    int depth;               /* inputs under a kernel row */
    ptrdiff_t output_stride; /* floats from a pixel of the output to the next */
} product_task;

#endif
