/* What both ways to multiply bfloat16 matrices share: the layout of their operands.
 *
 * Inputs under a row of a kernel are contiguous, so a matrix of pixels x inputs is an
 * image row read with a step smaller than its length.  Weights are tiles of CHUNK inputs
 * x TILE filters, with pairs of inputs beside each other: [pair][filter][2].  Inputs
 * beyond `depth` meet weights of zero, so all that lies there must be numbers. */
#ifndef PYDBCNN_PRODUCTS_H
#define PYDBCNN_PRODUCTS_H

#include "vector.h"

#include <stdint.h>
#include <string.h>

enum {
    CHUNK = 32,            /* inputs of a tile: 64 bytes, a row of an AMX register */
    TILE = 16,             /* filters, or pixels, of a tile */
    BLOCK_PIXELS = 2 * TILE, /* pixels multiplied together */
};
_Static_assert((int)TILE == LANES, "a vector holds one sum for each filter of a tile");

typedef struct {
    const uint16_t *const *rows; /* input rows under the kernel */
    int n_rows;
    int step;                /* from a pixel to the next */
    int depth;               /* inputs under a kernel row */
    ptrdiff_t output_stride; /* floats from a pixel of the output to the next */
} product_task;

#endif
