/* The forward pass of the tail, the outer layers behind the three of the paper: the
 * back-projections and the combination of input and estimate.  At last, rows of the
 * result are written.  All of it is in single precision, whatever the precision of the
 * three layers.  Read outer_layers.h and filter.h first.
 *
 * Map 0 is the estimate s of the three layers.  Stage 2 i makes the map x - K * s of
 * back-projection i, and stage 2 i + 1 the next estimate, s + P * (x - K * s).  As
 * between the three layers, a stage makes its next rows as soon as it has those that it
 * needs, and maps are rings. */
#ifndef PYDBCNN_TAIL_H
#define PYDBCNN_TAIL_H

#include "maps.h"
#include "outer_layers.h"
#include "pixels.h"
#include "stopwatch.h"

typedef struct {
    tile_map maps[MAX_STAGES + 1];
    int made[MAX_STAGES + 1]; /* how many rows each map has got so far */
    int finished;             /* how many rows of the result are written */
    const tile_map *input;    /* the blurred image, if the tail reads it */
    float *combined;          /* a row of the combination */
} tile_tail;

/* How many rows, and columns, of input a stage needs beyond those that it makes. */
INLINE int stage_overlap(const network_shape *net, int stage)
{
    return stage_kernel(net, stage) - 1;
}

/* Takes memory for all maps.  Sizes follow from the last map to the first, to
 * which the layers add `arriving` rows at a time.  An estimate is needed twice:
 * one stage blurs it, and the next adds to it what it projects back.  With `keep`,
 * maps keep all rows. */
INLINE tile_tail lay_out_tail(const network_shape *net, int height, int width, int keep,
                              int arriving, float **free_space)
{
    const int last = stage_count(net);
    const int channels = net->layers[net->n_layers - 1].outputs;
    tile_tail tail = {.finished = 0};
    for (int m = last; m >= 0; m--) {
        const int added = m > 0 ? FILTER_ROWS : arriving;
        int kept = added;
        if (m < last) {
            height = round_up(height, FILTER_ROWS) + stage_overlap(net, m);
            width += stage_overlap(net, m);
            kept += FILTER_ROWS + stage_overlap(net, m);
        }
        if (m < last && m % 2 == 0)
            kept += FILTER_ROWS + stage_overlap(net, m + 1);
        if (keep)
            kept = round_up(height, added);
        tail.maps[m] = take_map(height, width, channels, kept, free_space);
    }
    tail.combined = take(free_space, filtered_stride(tail.maps[last].width, channels));
    return tail;
}

/* The row of the blurred image whose pixels lie where those of row `row` of
 * map `m` lie. */
INLINE const float *input_beside(const network_shape *net, const tile_tail *tail, int m,
                                 int row)
{
    const int margin = whole_radius(net) - radius_of_stages(net, m);
    return ring_row(tail->input, row + margin) + margin * tail->input->channels;
}

INLINE void subtract_from(const float *minuend, int count, float *values)
{
    for (int i = 0; i < count; i++)
        values[i] = minuend[i] - values[i];
}

INLINE void add_to(const float *summand, int count, float *values)
{
    for (int i = 0; i < count; i++)
        values[i] += summand[i];
}

/* Makes FILTER_ROWS rows of map `stage + 1`, from row `row` on. */
INLINE void make_stage_rows(const network_shape *net, const outer_weights *weights,
                            const tile_tail *tail, int stage, int row)
{
    const float *rows[MAX_FILTER_ROWS];
    float *outputs[FILTER_ROWS];
    const int kernel = stage_kernel(net, stage);
    const tile_map *from = &tail->maps[stage], *to = &tail->maps[stage + 1];
    const int count = to->width * to->channels;
    for (int k = 0; k < kernel + FILTER_ROWS - 1; k++)
        rows[k] = ring_row(from, row + k);
    for (int k = 0; k < FILTER_ROWS; k++)
        outputs[k] = ring_row(to, row + k);
    const filter_task task = {
        .rows = rows, .kernel = kernel, .step = to->channels,
        .weights = weights->kernels[stage], .outputs = outputs, .count = count,
    };
    filter_rows(&task);
    if (stage % 2 == 0) {
        for (int k = 0; k < FILTER_ROWS; k++)
            subtract_from(input_beside(net, tail, stage + 1, row + k), count,
                          outputs[k]);
        return;
    }
    const int margin = net->reblur / 2 + net->projection / 2;
    const tile_map *estimate = &tail->maps[stage - 1];
    for (int k = 0; k < FILTER_ROWS; k++)
        add_to(ring_row(estimate, row + k + margin) + margin * to->channels, count,
               outputs[k]);
}

/* x A + s B + b of each pixel.  Sums begin with the bias and are in double precision:
 * there, products of floats are exact, so that the result is the same whether or not
 * the compiler fuses them with additions. */
INLINE void combine_channels(const int inputs, const int outputs, const float *weights,
                             const float *input, const float *estimate, int width,
                             float *to)
{
    const float *of_estimate = weights + inputs * outputs;
    const float *bias = of_estimate + outputs * outputs;
    for (int x = 0; x < width; x++, input += inputs, estimate += outputs, to += outputs)
        for (int o = 0; o < outputs; o++) {
            double sum = bias[o];
            for (int i = 0; i < inputs; i++)
                sum += (double)input[i] * weights[i * outputs + o];
            for (int i = 0; i < outputs; i++)
                sum += (double)estimate[i] * of_estimate[i * outputs + o];
            to[o] = (float)sum;
        }
}

/* The cases are grey and colour images: constants let the compiler unroll the loops. */
static void combine_row(const network_shape *net, const float *weights,
                        const float *input, const float *estimate, int width, float *to)
{
    const int inputs = net->layers[0].inputs;
    const int outputs = net->layers[net->n_layers - 1].outputs;
    if (inputs == 1 && outputs == 1)
        combine_channels(1, 1, weights, input, estimate, width, to);
    else if (inputs == 3 && outputs == 3)
        combine_channels(3, 3, weights, input, estimate, width, to);
    else
        combine_channels(inputs, outputs, weights, input, estimate, width, to);
}

/* Row `row` of the result: of the combination, or of the last map if there is none. */
INLINE const float *result_row(const network_shape *net, const outer_weights *weights,
                               const tile_tail *tail, int row)
{
    const int last = stage_count(net);
    const float *estimate = ring_row(&tail->maps[last], row);
    if (!net->combine)
        return estimate;
    combine_row(net, weights->combination, input_beside(net, tail, last, row), estimate,
                tail->maps[last].width, tail->combined);
    return tail->combined;
}

/* Writes the rows of the result that the last map has got. */
INLINE void finish_rows(const network_shape *net, const outer_weights *weights,
                        const image_batch *batch, const tile_place *place,
                        stopwatch *watch, tile_tail *tail)
{
    const tile_map *map = &tail->maps[stage_count(net)];
    const int end = smaller(tail->made[stage_count(net)], place->height);
    for (; tail->finished < end; tail->finished++) {
        const float *result = result_row(net, weights, tail, tail->finished);
        if (net->combine)
            add_time(watch, time_of_combination(net));
        write_row(batch, place->image, place->top + tail->finished, place->left,
                  place->width, map->channels, result);
        add_time(watch, time_of_pixels(net));
    }
}

/* To be called when map 0 has got `rows` more rows: makes and writes all rows that need
 * no others. */
static void advance_tail(const network_shape *net, const outer_weights *weights,
                         const image_batch *batch, const tile_place *place,
                         stopwatch *watch, int rows, tile_tail *tail)
{
    tail->made[0] += rows;
    while (1) {
        finish_rows(net, weights, batch, place, watch, tail);
        /* The last stage that has its input goes on, so that rings stay short. */
        int stage = stage_count(net) - 1;
        while (stage >= 0 && tail->made[stage] < tail->made[stage + 1] + FILTER_ROWS +
                                                     stage_overlap(net, stage))
            stage--;
        if (stage < 0)
            return;
        make_stage_rows(net, weights, tail, stage, tail->made[stage + 1]);
        tail->made[stage + 1] += FILTER_ROWS;
        add_time(watch, time_of_layer(net, net->n_layers + stage / 2));
    }
}

#endif
