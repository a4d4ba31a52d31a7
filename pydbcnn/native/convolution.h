/* The inner loops of both directions.
 *
 * `convolve_row` is the workhorse: hidden layers forward and every layer backward.
 * Vectors run over filters, so an input value is repeated across a vector and
 * multiplied with a vector of weights.  With channels last, the columns and inputs
 * under a kernel row are contiguous: one loop over `depth` = kernel x inputs.
 *
 * `dot_row` is the last layer forward, where filters are too few to fill a vector:
 * vectors run over inputs and are summed at the end. */
#ifndef PYDBCNN_CONVOLUTION_H
#define PYDBCNN_CONVOLUTION_H

#include "vector.h"

typedef struct {
    const float *const *rows; /* input rows under the kernel */
    int n_rows;
    int depth;            /* columns x inputs under a kernel row */
    int step;             /* inputs: floats from a pixel to the next */
    const float *weights; /* in blocks of filters, see layout.h */
    const float *bias;    /* padded, or NULL: then `mask` applies */
    const float *mask;    /* keep a result where this map is positive */
    float *output;
    int filters; /* padded to whole vectors */
    int width;   /* pixels */
} row_task;

/* `step` is passed beside the task so that callers can make it a constant: then a
 * pixel's input is reached by a displacement rather than by a register of its own. */
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
    const float *const *rows;
    int n_rows;
    int depth; /* columns x inputs under a kernel row, whole vectors */
    int step;
    const float *weights; /* [output][row][depth] */
    const float *bias;
    float *output;
    int channels; /* outputs */
    int width;
} dot_task;

INLINE void dot_block(const int pixels, const int channels, const dot_task *task, int x,
                      int channel)
{
    const size_t taps = (size_t)task->n_rows * task->depth;
    const float *weights = task->weights + channel * taps;
    vec sum[DOT_PIXELS][DOT_CHANNELS];
#pragma GCC unroll 16
    for (int p = 0; p < pixels; p++)
#pragma GCC unroll 16
        for (int c = 0; c < channels; c++)
            sum[p][c] = (vec){0};

    for (int row = 0; row < task->n_rows; row++) {
        const float *in = task->rows[row] + (ptrdiff_t)x * task->step;
        for (int k = 0; k < task->depth; k += LANES, weights += LANES) {
            vec weight[DOT_CHANNELS];
#pragma GCC unroll 16
            for (int c = 0; c < channels; c++)
                weight[c] = load(weights + c * taps);
#pragma GCC unroll 16
            for (int p = 0; p < pixels; p++) {
                const vec value = load(in + (ptrdiff_t)p * task->step + k);
#pragma GCC unroll 16
                for (int c = 0; c < channels; c++)
                    sum[p][c] += weight[c] * value;
            }
        }
    }

    for (int p = 0; p < pixels; p++)
        for (int c = 0; c < channels; c++)
            task->output[(ptrdiff_t)(x + p) * task->channels + channel + c] =
                sum_lanes(sum[p][c]) + task->bias[channel + c];
}

INLINE void dot_blocks(const int channels, const dot_task *task, int channel)
{
    const int part = even_part(task->width, DOT_PIXELS);
    for (int x = 0; x < task->width; x += part)
        WITH_BLOCK(smaller(part, task->width - x), DOT_PIXELS,
                   dot_block(block, channels, task, x, channel))
}

static void dot_row(const dot_task *task)
{
    for (int channel = 0; channel < task->channels; channel += DOT_CHANNELS)
        switch (smaller(DOT_CHANNELS, task->channels - channel)) {
        case 1:
            dot_blocks(1, task, channel);
            break;
        case 2:
            dot_blocks(2, task, channel);
            break;
        default:
            dot_blocks(3, task, channel);
        }
}

#endif
