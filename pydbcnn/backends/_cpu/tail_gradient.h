/* The loss of a block, and the gradient of the tail: of the combination, then
 * of the back-projections from the last to the first.  A delta is the
 * derivative of the loss by a value of a map.  Read tail.h first; backward.h
 * goes on with the layers before it.
 *
 * The deltas before a correlation are the correlation of those behind it with the
 * reversed kernel, if these lie in a border of zeros.
 *
 * The gradient of a weight that all channels share is a sum over pixels and channels:
 * of a delta times the value that the weight met.  Vectors run along the row, and the
 * lanes of a sum are added at the end. */
#ifndef PYDBCNN_TAIL_GRADIENT_H
#define PYDBCNN_TAIL_GRADIENT_H

#include "tail.h"

/* The deltas of a map, inside a border of zeros.  There are also zeros to the
 * right of the border, since whole vectors are read, and below it, since
 * FILTER_ROWS rows are. */
typedef struct {
    float *values;
    ptrdiff_t stride;
    int border;
    int height, width, channels;
} delta_plane;

typedef struct {
    delta_plane maps[MAX_STAGES + 1]; /* of the maps of the tail */
    delta_plane output;               /* of the combination, if there is one */
    float *rows;                      /* room for FILTER_ROWS rows of deltas */
    ptrdiff_t stride;
} tail_deltas;

INLINE float *plane_row(const delta_plane *plane, int row)
{
    return plane->values + (row + plane->border) * plane->stride +
           plane->border * plane->channels;
}

INLINE size_t plane_size(const delta_plane *plane)
{
    return (plane->height + 2 * plane->border + FILTER_ROWS) * plane->stride;
}

INLINE delta_plane take_plane(int height, int width, int channels, int border,
                              float **free_space)
{
    delta_plane plane = {
        .stride = filtered_stride(width + 2 * border, channels), .border = border,
        .height = height, .width = width, .channels = channels,
    };
    plane.values = take(free_space, plane_size(&plane));
    return plane;
}

/* Takes memory for the deltas of a block of `height` x `width` pixels of output. */
INLINE tail_deltas lay_out_deltas(const network_shape *net, int height, int width,
                                  float **free_space)
{
    const int channels = net->layers[net->n_layers - 1].outputs;
    tail_deltas deltas = {.stride = 0};
    for (int m = 0; m <= stage_count(net); m++) {
        const int margin = 2 * radius_of_stages(net, m);
        deltas.maps[m] = take_plane(height + margin, width + margin, channels,
                                    m > 0 ? stage_overlap(net, m - 1) : 0, free_space);
    }
    if (net->combine)
        deltas.output = take_plane(height, width, channels, 0, free_space);
    deltas.stride = filtered_stride(deltas.maps[0].width, channels);
    deltas.rows = take(free_space, FILTER_ROWS * deltas.stride);
    return deltas;
}

/* The forward pass of the tail, stage by stage: training keeps all rows of all maps. */
INLINE void make_tail(const network_shape *net, const outer_weights *weights,
                      const tile_tail *tail)
{
    for (int stage = 0; stage < stage_count(net); stage++)
        for (int row = 0; row < tail->maps[stage + 1].height; row += FILTER_ROWS)
            make_stage_rows(net, weights, tail, stage, row);
}

/* What lies behind the end of a row is multiplied with deltas of zero, so it must not
 * be a NaN. */
INLINE void clear_tail(const network_shape *net, const tile_tail *tail)
{
    for (int m = 0; m < stage_count(net); m++)
        memset(tail->maps[m].ring, 0,
               tail->maps[m].kept * tail->maps[m].stride * sizeof(float));
}

/* Fills the deltas of the result, and returns the sum of squared errors. */
INLINE double output_deltas(const network_shape *net, const outer_weights *weights,
                            const tile_tail *tail, const float *target,
                            ptrdiff_t target_stride, float scale,
                            const delta_plane *plane)
{
    double squares = 0;
    memset(plane->values, 0, plane_size(plane) * sizeof(float));
    for (int y = 0; y < plane->height; y++) {
        const float *result = result_row(net, weights, tail, y);
        float *delta = plane_row(plane, y);
        for (int i = 0; i < plane->width * plane->channels; i++) {
            const float error = result[i] - target[y * target_stride + i];
            squares += (double)error * error;
            delta[i] = error * scale;
        }
    }
    return squares;
}

/* Adds the products of all values of each pixel with all of its deltas: the gradient of
 * weights that combine channels. */
INLINE void add_mixed(const float *values, int n_values, const float *delta,
                      int outputs, int width, double *sums)
{
    for (int x = 0; x < width; x++, values += n_values, delta += outputs)
        for (int i = 0; i < n_values; i++)
            for (int o = 0; o < outputs; o++)
                sums[i * outputs + o] += (double)values[i] * delta[o];
}

/* The deltas of the estimate that was combined: B times those of the result. */
INLINE void unmix_row(const float *of_estimate, const float *delta, int channels,
                      int width, float *to)
{
    for (int x = 0; x < width; x++, delta += channels, to += channels)
        for (int i = 0; i < channels; i++) {
            double sum = 0;
            for (int o = 0; o < channels; o++)
                sum += (double)delta[o] * of_estimate[i * channels + o];
            to[i] = (float)sum;
        }
}

/* Adds the gradient of A, B and b, and fills the deltas of the estimate. */
static void combination_gradient(const network_shape *net, const float *weights,
                                 const tile_tail *tail, const delta_plane *output,
                                 const delta_plane *estimate, float *gradient)
{
    const int last = stage_count(net), width = output->width;
    const int inputs = net->layers[0].inputs, outputs = output->channels;
    const float one = 1.0f;
    double sums[(2 * MAX_CHANNELS + 1) * MAX_CHANNELS] = {0};
    double *of_estimate = sums + inputs * outputs;
    double *of_bias = of_estimate + outputs * outputs;
    memset(estimate->values, 0, plane_size(estimate) * sizeof(float));
    for (int y = 0; y < output->height; y++) {
        const float *delta = plane_row(output, y);
        add_mixed(input_beside(net, tail, last, y), inputs, delta, outputs, width,
                  sums);
        add_mixed(ring_row(&tail->maps[last], y), outputs, delta, outputs, width,
                  of_estimate);
        for (int x = 0; x < width; x++)
            add_mixed(&one, 1, delta + x * outputs, outputs, 1, of_bias);
        unmix_row(weights + inputs * outputs, delta, outputs, width,
                  plane_row(estimate, y));
    }
    for (size_t i = 0; i < combination_count(net); i++)
        gradient[i] += (float)sums[i];
}

/* Makes FILTER_ROWS rows of deltas before the kernel of a stage from those
 * behind it. */
INLINE void transposed_rows(const network_shape *net, const outer_weights *weights,
                            const tail_deltas *deltas, int stage, int row)
{
    const float *rows[MAX_FILTER_ROWS];
    float *outputs[FILTER_ROWS];
    const delta_plane *behind = &deltas->maps[stage + 1], *to = &deltas->maps[stage];
    for (int k = 0; k < stage_kernel(net, stage) + FILTER_ROWS - 1; k++)
        rows[k] = behind->values + (row + k) * behind->stride;
    for (int k = 0; k < FILTER_ROWS; k++)
        outputs[k] = deltas->rows + k * deltas->stride;
    const filter_task task = {
        .rows = rows, .kernel = stage_kernel(net, stage), .step = to->channels,
        .weights = weights->flipped[stage], .outputs = outputs,
        .count = to->width * to->channels,
    };
    filter_rows(&task);
}

/* Fills the deltas of map `stage`, the input of stage `stage`.  Those of x - K * s
 * are stored with the opposite sign, as deltas of K * s: this is what the stage before
 * needs.  An estimate also gets the deltas of the next one, to which it is added. */
INLINE void stage_deltas(const network_shape *net, const outer_weights *weights,
                         const tail_deltas *deltas, int stage)
{
    const delta_plane *to = &deltas->maps[stage];
    memset(to->values, 0, plane_size(to) * sizeof(float));
    for (int row = 0; row < to->height; row += FILTER_ROWS) {
        transposed_rows(net, weights, deltas, stage, row);
        for (int k = 0; k < smaller(FILTER_ROWS, to->height - row); k++) {
            const float *from = deltas->rows + k * deltas->stride;
            const float sign = stage % 2 ? -1.0f : 1.0f;
            float *delta = plane_row(to, row + k);
            for (int i = 0; i < to->width * to->channels; i++)
                delta[i] = sign * from[i];
        }
    }
    if (stage % 2)
        return;
    const delta_plane *next = &deltas->maps[stage + 2];
    const int margin = net->reblur / 2 + net->projection / 2;
    for (int row = 0; row < next->height; row++)
        add_to(plane_row(next, row), next->width * next->channels,
               plane_row(to, row + margin) + margin * to->channels);
}

/* Adds the gradient of `taps` weights of row `row` of a kernel, from column
 * `column` on. */
INLINE void add_kernel_taps(const int taps, const tile_map *map,
                            const delta_plane *plane, int row, int column,
                            float *gradient)
{
    vec sum[PIXELS];
#pragma GCC unroll 16
    for (int k = 0; k < taps; k++)
        sum[k] = (vec){0};
    for (int y = 0; y < plane->height; y++) {
        const float *delta = plane_row(plane, y);
        const float *in = ring_row(map, y + row) + column * map->channels;
        for (int i = 0; i < plane->width * plane->channels; i += LANES) {
            const vec value = load_any(delta + i);
#pragma GCC unroll 16
            for (int k = 0; k < taps; k++)
                sum[k] += value * load_any(in + i + k * map->channels);
        }
    }
    float total[LANES] __attribute__((aligned(64)));
    for (int k = 0; k < taps; k++) {
        sum_lanes(1, &sum[k]);
        store(total, sum[k]);
        gradient[k] += total[0];
    }
}

/* Adds the gradient of a kernel, from the map that it reads and the deltas
 * behind it. */
static void kernel_gradient(const tile_map *map, const delta_plane *plane, int kernel,
                            float *gradient)
{
    const int part = even_part(kernel, PIXELS);
    for (int row = 0; row < kernel; row++)
        for (int column = 0; column < kernel; column += part)
            WITH_BLOCK(smaller(part, kernel - column), PIXELS,
                       add_kernel_taps(block, map, plane, row, column,
                                       gradient + row * kernel + column))
}

/* Adds the gradient of the parameters of the tail, in their order.  Returns the sum of
 * squared errors, and leaves the deltas of the estimate of the three layers in the
 * first of `deltas`. */
INLINE double tail_gradient(const network_shape *net, const outer_weights *weights,
                            const tile_tail *tail, const float *target,
                            ptrdiff_t target_stride, float scale,
                            const tail_deltas *deltas, float *gradient)
{
    const int last = stage_count(net);
    const delta_plane *output = net->combine ? &deltas->output : &deltas->maps[last];
    const double squares =
        output_deltas(net, weights, tail, target, target_stride, scale, output);
    float *place = gradient + tail_count(net) - combination_count(net);
    if (net->combine)
        combination_gradient(net, weights->combination, tail, output,
                             &deltas->maps[last], place);
    for (int stage = last - 1; stage >= 0; stage--) {
        place -= kernel_count(net, stage);
        stage_deltas(net, weights, deltas, stage);
        kernel_gradient(&tail->maps[stage], &deltas->maps[stage + 1],
                        stage_kernel(net, stage), place);
    }
    return squares;
}

#endif
