/* Correlation of every channel with one and the same kernel: of the filter in front of
 * the layers, and of the kernels K and P of back-projections.
 *
 * With channels last, a step to the next column of the kernel is a step of as many
 * floats as there are channels, whatever the channel.  So vectors run along the row,
 * through pixels and channels alike.
 *
 * FILTER_ROWS rows are computed at once, so that an input is loaded once for all rows
 * of the kernel that meet it.  A kernel may be symmetric from left to right, as the
 * filter that undoes a round blur is: then it is folded, that is, the two inputs that
 * meet the same weight are added before they are multiplied, and the sum serves all
 * FILTER_ROWS rows.
 *
 * The products of a sum are always added in the same order: row by row of the kernel,
 * and within a row from left to right or, if it is folded, from the middle outwards. */
#ifndef PYDBCNN_FILTER_H
#define PYDBCNN_FILTER_H

#include "engine.h"
#include "vector.h"

enum {
    FILTER_FLOATS = FILTER_VECTORS * LANES, /* floats of a row in a block */
    MAX_FILTER_ROWS = MAX_FILTER_SIZE + FILTER_ROWS - 1, /* rows of inputs of a task */
};
_Static_assert(MAX_BACK_PROJECTION_SIZE <= MAX_FILTER_SIZE,
               "back-projections have MAX_FILTER_ROWS rows of inputs, too");

typedef struct {
    const float *const *rows; /* kernel + FILTER_ROWS - 1 input rows */
    int kernel;
    int step;              /* floats from a pixel to the next: channels */
    const float *weights;  /* [column][row]; if folded, from the middle column on */
    float *const *outputs; /* FILTER_ROWS rows */
    int count;             /* floats of a row; whole vectors of it are written */
} filter_task;

/* Adds the products of row `row` of the inputs to the sums of the rows of output that
 * see it, `first` to `end`. */
INLINE void add_filter_row(const int folded, const int vectors, const int first,
                           const int end, const filter_task *task,
                           const float *const *rows, int row, int x,
                           vec sum[FILTER_ROWS][FILTER_VECTORS])
{
    const int kernel = task->kernel, middle = kernel / 2;
    const float *weights = task->weights + row;
    const float *right = rows[row] + x + (folded ? middle * task->step : 0);
    const float *left = right;
    for (int column = folded ? middle : 0; column < kernel; column++) {
        vec value[FILTER_VECTORS];
#pragma GCC unroll 16
        for (int v = 0; v < vectors; v++)
            value[v] = load_any(right + v * LANES);
        if (folded && left != right)
#pragma GCC unroll 16
            for (int v = 0; v < vectors; v++)
                value[v] += load_any(left + v * LANES);
#pragma GCC unroll 16
        for (int y = first; y < end; y++) {
            const float weight = weights[-y];
#pragma GCC unroll 16
            for (int v = 0; v < vectors; v++)
                sum[y][v] += value[v] * weight;
        }
        weights += kernel;
        right += task->step;
        left -= task->step;
    }
}

/* One block: `n` rows of output, `vectors` vectors of each.  The kernel has at least
 * `n` rows.  So the first and the last n - 1 rows of inputs are seen by some of the
 * rows of output, and those between by all. */
INLINE void filter_block(const int folded, const int n, const int vectors,
                         const filter_task *task, const float *const *rows,
                         float *const *outputs, int x)
{
    const int n_rows = task->kernel + n - 1;
    vec sum[FILTER_ROWS][FILTER_VECTORS];
#pragma GCC unroll 16
    for (int y = 0; y < n; y++)
#pragma GCC unroll 16
        for (int v = 0; v < vectors; v++)
            sum[y][v] = (vec){0};
    int row = 0;
    for (; row < n - 1; row++)
        WITH_BLOCK(row + 1, FILTER_ROWS,
                   add_filter_row(folded, vectors, 0, block, task, rows, row, x, sum))
    for (; row < task->kernel; row++)
        add_filter_row(folded, vectors, 0, n, task, rows, row, x, sum);
    for (; row < n_rows; row++)
        WITH_BLOCK(n_rows - row, FILTER_ROWS,
                   add_filter_row(folded, vectors, n - smaller(block, n), n, task, rows,
                                  row, x, sum))
#pragma GCC unroll 16
    for (int y = 0; y < n; y++)
#pragma GCC unroll 16
        for (int v = 0; v < vectors; v++)
            store_any(outputs[y] + x + v * LANES, sum[y][v]);
}

INLINE void filter_blocks(const int folded, const int n, const filter_task *task,
                          const float *const *rows, float *const *outputs)
{
    int x = 0;
    for (; x + LANES < task->count; x += FILTER_FLOATS)
        filter_block(folded, n, FILTER_VECTORS, task, rows, outputs, x);
    if (x < task->count)
        filter_block(folded, n, 1, task, rows, outputs, x);
}

/* With a kernel of fewer rows than a block, rows of output are computed one by one. */
INLINE void filter_any_rows(const int folded, const filter_task *task)
{
    if (task->kernel >= FILTER_ROWS)
        filter_blocks(folded, FILTER_ROWS, task, task->rows, task->outputs);
    else
        for (int y = 0; y < FILTER_ROWS; y++)
            filter_blocks(folded, 1, task, task->rows + y, task->outputs + y);
}

/* Computes FILTER_ROWS rows. */
static void filter_rows(const filter_task *task)
{
    filter_any_rows(0, task);
}

/* The same for a kernel that is symmetric from left to right. */
static void filter_rows_folded(const filter_task *task)
{
    filter_any_rows(1, task);
}

#endif
