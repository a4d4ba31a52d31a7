/* Correlation of every channel with one and the same kernel: the filter in front, and
 * the kernels of back-projections.
 *
 * With channels last, a column of the kernel is an offset of so many channels in the
 * row, whatever the channel: so vectors run along the row, through pixels and channels.
 *
 * FILTER_ROWS rows are made at once, so that an input is loaded once for all the rows
 * of the kernel that it meets.  The kernel may be symmetric from left to right: then
 * the two inputs that meet the same weight are added first, which serves all these
 * rows.  Every sum is made in one order, row by row of the kernel, and within a row
 * from the middle outwards or else from left to right. */
#ifndef PYDBCNN_FILTER_H
#define PYDBCNN_FILTER_H

#include "engine.h"
#include "vector.h"

enum {
    FILTER_FLOATS = FILTER_VECTORS * LANES, /* of a row, made at once */
    MAX_FILTER_ROWS = MAX_FILTER_SIZE + FILTER_ROWS - 1, /* of inputs */
};
_Static_assert(MAX_BACK_PROJECTION_SIZE <= MAX_FILTER_SIZE,
               "back-projections have MAX_FILTER_ROWS rows of inputs, too");

typedef struct {
    const float *const *rows; /* kernel + FILTER_ROWS - 1 input rows */
    int kernel;
    int step;              /* channels: floats from a pixel to the next */
    const float *weights;  /* [column][row], if folded from the middle column on */
    float *const *outputs; /* FILTER_ROWS rows */
    int count;             /* floats of a row; whole vectors are read and written */
} filter_task;

/* Adds the products with row `row` of the input to the sums of rows `first` to `end`
 * of the output. */
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

/* `n` rows of output of `vectors` vectors; the kernel has at least as many rows. */
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

INLINE void filter_any_rows(const int folded, const filter_task *task)
{
    if (task->kernel >= FILTER_ROWS)
        filter_blocks(folded, FILTER_ROWS, task, task->rows, task->outputs);
    else
        for (int y = 0; y < FILTER_ROWS; y++)
            filter_blocks(folded, 1, task, task->rows + y, task->outputs + y);
}

/* FILTER_ROWS rows. */
static void filter_rows(const filter_task *task)
{
    filter_any_rows(0, task);
}

/* The same with a kernel that is symmetric from left to right. */
static void filter_rows_folded(const filter_task *task)
{
    filter_any_rows(1, task);
}

#endif
