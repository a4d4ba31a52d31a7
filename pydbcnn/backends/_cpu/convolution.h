/* The inner loops of the layers, but for those that winograd.h transforms.  Read
 * vector.h and layout.h first.
 *
 * `convolve_row` computes one row of a hidden layer, max(0, W * F + B), or in the
 * backward pass one row of deltas.  Vectors run over filters: an input value is
 * repeated across a vector and multiplied with a vector of weights.  With channels
 * last, the columns and inputs under a row of the kernel are contiguous, so that one
 * loop over `depth` = kernel x inputs serves both.
 *
 * `dot_rows` computes DOT_ROWS rows of the last layer, F = W3 * F2 + B3, whose filters
 * are too few to fill a vector.  Vectors run over inputs, and the lanes of a sum are
 * added at the end.  It computes several rows at once, so that an input is loaded once
 * for all rows of the kernel that meet it. */
#ifndef PYDBCNN_CONVOLUTION_H
#define PYDBCNN_CONVOLUTION_H

#include "vector.h"

typedef struct {
    const float *const *rows; /* input rows under the kernel */
    int n_rows;
    int depth;            /* columns x inputs under a kernel row */
    int step;             /* inputs: floats from a pixel to the next */
    const float *weights; /* in blocks of filters, see layout.h */
    const float *bias;    /* padded; NULL in the backward pass, which has a mask */
    const float *mask;    /* map that was rectified: deltas pass where it is positive */
    float *output;
    int filters; /* padded to whole vectors */
    int width;   /* pixels */
} row_task;

/* One block: `pixels` pixels from x on, and `vectors` vectors of filters.  `step` is
 * also in the task, but as a constant it lets instructions reach the inputs of all
 * pixels by displacements from one register. */
INLINE void convolve_block(const int pixels, const int vectors, const int step,
                           const row_task *task, const float *weights, int x,
                           int filter)
{
    vec sum[PIXELS][VECTORS];
#pragma GCC unroll 16
    for (int p = 0; p < pixels; p++)
#pragma GCC unroll 16
        for (int v = 0; v < vectors; v++)
            sum[p][v] = (vec){0};

    for (int row = 0; row < task->n_rows; row++) {
        const float *in = task->rows[row] + (ptrdiff_t)x * step;
        for (int k = 0; k < task->depth; k++, in++, weights += vectors * LANES) {
            vec weight[VECTORS];
#pragma GCC unroll 16
            for (int v = 0; v < vectors; v++)
                weight[v] = load(weights + v * LANES);
#pragma GCC unroll 16
            for (int p = 0; p < pixels; p++) {
                const float value = in[p * step];
#pragma GCC unroll 16
                for (int v = 0; v < vectors; v++)
                    sum[p][v] += weight[v] * value;
            }
        }
    }

#pragma GCC unroll 16
    for (int p = 0; p < pixels; p++)
#pragma GCC unroll 16
        for (int v = 0; v < vectors; v++) {
            const size_t at = (size_t)(x + p) * task->filters + filter + v * LANES;
            const vec result =
                task->bias
                    ? rectify(sum[p][v] + load(task->bias + filter + v * LANES))
                    : where_positive(load(task->mask + at), sum[p][v]);
            store(task->output + at, result);
        }
}

INLINE void convolve_blocks(const int vectors, const int step, const row_task *task,
                            const float *weights, int filter)
{
    const int part = even_part(task->width, PIXELS);
    for (int x = 0; x < task->width; x += part)
        WITH_BLOCK(smaller(part, task->width - x), PIXELS,
                   convolve_block(block, vectors, step, task, weights, x, filter))
}

INLINE void convolve_row_step(const int step, const row_task *task)
{
    const float *weights = task->weights;
    const int taps = task->n_rows * task->depth;
    for (int filter = 0; filter < task->filters; filter += VECTORS * LANES) {
        if (task->filters - filter > LANES)
            convolve_blocks(2, step, task, weights, filter);
        else
            convolve_blocks(1, step, task, weights, filter);
        weights += (size_t)taps * VECTORS * LANES;
    }
}

/* The cases are the usual numbers of inputs: of a grey and of a colour image, and of
 * maps of 32 and 64 filters. */
static void convolve_row(const row_task *task)
{
    switch (task->step) {
    case 1:
        convolve_row_step(1, task);
        break;
    case 3:
        convolve_row_step(3, task);
        break;
    case 32:
        convolve_row_step(32, task);
        break;
    case 64:
        convolve_row_step(64, task);
        break;
    default:
        convolve_row_step(task->step, task);
    }
}

typedef struct {
    const float *const *rows; /* kernel + DOT_ROWS - 1 input rows */
    int kernel;
    int step;             /* inputs, whole vectors */
    const float *weights; /* [output][row][column, input] */
    const float *bias;
    float *const *outputs; /* DOT_ROWS rows */
    int channels;          /* outputs */
    int width;
} dot_task;

/* Adds the products with `taps` rows of the kernel, from row `first` on.
 * The weights of one column of these stay in registers while rows of inputs pass by. */
INLINE void add_dots(const int pixels, const int taps, const dot_task *task,
                     const float *weights, int first, int x,
                     vec sum[DOT_ROWS][DOT_PIXELS])
{
    const int depth = task->kernel * task->step;
    for (int k = 0; k < depth; k += LANES) {
        vec weight[DOT_TAPS];
#pragma GCC unroll 16
        for (int tap = 0; tap < taps; tap++)
            weight[tap] = load(weights + (first + tap) * depth + k);
#pragma GCC unroll 16
        for (int y = 0; y < DOT_ROWS + taps - 1; y++) {
            const float *in = task->rows[first + y] + (ptrdiff_t)x * task->step + k;
#pragma GCC unroll 16
            for (int p = 0; p < pixels; p++) {
                const vec value = load(in + (ptrdiff_t)p * task->step);
#pragma GCC unroll 16
                for (int row = 0; row < DOT_ROWS; row++)
                    if (y >= row && y - row < taps)
                        sum[row][p] += weight[y - row] * value;
            }
        }
    }
}

INLINE void dot_block(const int pixels, const dot_task *task, int x, int channel)
{
    const float *weights =
        task->weights + (size_t)channel * task->kernel * task->kernel * task->step;
    vec sum[DOT_ROWS][DOT_PIXELS];
#pragma GCC unroll 16
    for (int row = 0; row < DOT_ROWS; row++)
#pragma GCC unroll 16
        for (int p = 0; p < pixels; p++)
            sum[row][p] = (vec){0};

    const int part = even_part(task->kernel, DOT_TAPS);
    for (int first = 0; first < task->kernel; first += part)
        WITH_BLOCK(smaller(part, task->kernel - first), DOT_TAPS,
                   add_dots(pixels, block, task, weights, first, x, sum))

#pragma GCC unroll 16
    for (int row = 0; row < DOT_ROWS; row++) {
        float total[LANES] __attribute__((aligned(64)));
        sum_lanes(pixels, sum[row]);
        store(total, sum[row][0]);
        for (int p = 0; p < pixels; p++)
            task->outputs[row][(ptrdiff_t)(x + p) * task->channels + channel] =
                total[p] + task->bias[channel];
    }
}

static void dot_rows(const dot_task *task)
{
    const int part = even_part(task->width, DOT_PIXELS);
    for (int x = 0; x < task->width; x += part)
        for (int channel = 0; channel < task->channels; channel++)
            WITH_BLOCK(smaller(part, task->width - x), DOT_PIXELS,
                       dot_block(block, task, x, channel))
}

#endif
