/* The outer layers, which a network may have around the three layers of the paper:
 * their shapes, and where their weights lie, in either precision.
 *
 * In front of the three lies the filter, w = Q * x of the blurred image x.  Behind them
 * lies the tail: back-projections, s <- s + P * (x - K * s) of the estimate s, and the
 * combination, s <- x A + s B + b of the channels of a pixel.  Here `*` is a
 * correlation of every channel with one and the same kernel.
 *
 * `params` begins with Q, row by row.  It ends with K and P of each back-projection,
 * then A, B and b.
 *
 * Packed, a kernel lies as filter.h reads it.  Behind K and behind P lies the same
 * kernel with rows and columns reversed, for the backward pass, which does not need Q.
 * A, B and b are copied as they are. */
#ifndef PYDBCNN_OUTER_LAYERS_H
#define PYDBCNN_OUTER_LAYERS_H

#include "filter.h"

/* A back-projection has two stages: x - K * s, which blurs the estimate again, then
 * s + P * (...), which projects the difference back. */
enum { MAX_STAGES = 2 * MAX_BACK_PROJECTIONS };

INLINE int stage_count(const network_shape *net)
{
    return 2 * net->n_back_projections;
}

INLINE int stage_kernel(const network_shape *net, int stage)
{
    return stage % 2 ? net->projection : net->reblur;
}

/* The radius of a part of the network is how many pixels around its output it sees on
 * every side: here of the stages from `first` on. */
INLINE int radius_of_stages(const network_shape *net, int first)
{
    int radius = 0;
    for (int stage = first; stage < stage_count(net); stage++)
        radius += stage_kernel(net, stage) / 2;
    return radius;
}

INLINE int radius_of_layers(const network_shape *net, int first)
{
    int radius = 0;
    for (int l = first; l < net->n_layers; l++)
        radius += net->layers[l].kernel / 2;
    return radius;
}

INLINE int radius_from(const network_shape *net, int first_layer)
{
    return radius_of_layers(net, first_layer) + radius_of_stages(net, 0);
}

INLINE int whole_radius(const network_shape *net)
{
    return net->filter / 2 + radius_from(net, 0);
}

/* Whether the tail reads the blurred image, too. */
INLINE int is_used_later(const network_shape *net)
{
    return net->n_back_projections || net->combine;
}

/* Whether the blurred image has a map of its own, apart from map 0, what the first
 * layer reads: the filter changes it, or it must remain for the tail. */
INLINE int has_own_input(const network_shape *net)
{
    return net->filter > 1 || is_used_later(net);
}

/* Where `image_batch.seconds` has the time of each part of the network.  The order is:
 * the filter, the layers, each back-projection, the combination, as far as there are
 * such, and at last the reading and writing of pixels. */
INLINE int time_of_layer(const network_shape *net, int l)
{
    return (net->filter > 1) + l;
}

INLINE int time_of_combination(const network_shape *net)
{
    return time_of_layer(net, net->n_layers + net->n_back_projections);
}

INLINE int time_of_pixels(const network_shape *net)
{
    return time_of_combination(net) + net->combine;
}

/* Functions named ..._count give lengths in `params`, those named ..._size floats of
 * packed weights. */
INLINE size_t filter_count(const network_shape *net)
{
    return net->filter > 1 ? (size_t)net->filter * net->filter : 0;
}

/* How many columns of the filter are read: if it is folded, from the middle one on. */
INLINE int filter_columns(const network_shape *net)
{
    return net->folded ? net->filter / 2 + 1 : net->filter;
}

INLINE size_t filter_size(const network_shape *net)
{
    return net->filter > 1 ? aligned_floats((size_t)net->filter * filter_columns(net))
                           : 0;
}

INLINE size_t kernel_count(const network_shape *net, int stage)
{
    return (size_t)stage_kernel(net, stage) * stage_kernel(net, stage);
}

INLINE size_t combination_count(const network_shape *net)
{
    const size_t inputs = net->layers[0].inputs;
    const size_t outputs = net->layers[net->n_layers - 1].outputs;
    return net->combine ? (inputs + outputs + 1) * outputs : 0;
}

/* The parameters of the tail. */
INLINE size_t tail_count(const network_shape *net)
{
    return combination_count(net) +
           net->n_back_projections * (kernel_count(net, 0) + kernel_count(net, 1));
}

INLINE size_t outer_weights_size(const network_shape *net)
{
    size_t size = filter_size(net) + aligned_floats(combination_count(net));
    for (int stage = 0; stage < stage_count(net); stage++)
        size += 2 * aligned_floats(kernel_count(net, stage));
    return size;
}

typedef struct {
    const float *filter;
    const float *kernels[MAX_STAGES];
    const float *flipped[MAX_STAGES];
    const float *combination;
} outer_weights;

INLINE outer_weights find_outer_weights(const network_shape *net, const float *packed)
{
    outer_weights found = {.filter = packed};
    packed += filter_size(net);
    for (int stage = 0; stage < stage_count(net); stage++) {
        const size_t size = aligned_floats(kernel_count(net, stage));
        found.kernels[stage] = packed;
        found.flipped[stage] = packed + size;
        packed += 2 * size;
    }
    found.combination = packed;
    return found;
}

/* Columns of the filter, those that are read, with all of their rows. */
INLINE void pack_filter(const network_shape *net, const float *filter, float *packed)
{
    for (int x = net->filter - filter_columns(net); x < net->filter; x++)
        for (int y = 0; y < net->filter; y++)
            *packed++ = filter[y * net->filter + x];
}

/* Computes FILTER_ROWS rows of Q * x. */
INLINE void apply_filter(const network_shape *net, const filter_task *task)
{
    if (net->folded)
        filter_rows_folded(task);
    else
        filter_rows(task);
}

INLINE void pack_kernel(int kernel, const float *weights, float *direct, float *flipped)
{
    for (int y = 0; y < kernel; y++)
        for (int x = 0; x < kernel; x++) {
            direct[x * kernel + y] = *weights;
            flipped[(kernel - 1 - x) * kernel + kernel - 1 - y] = *weights++;
        }
}

/* `params` is the whole vector, and `behind` what follows the three layers in it. */
INLINE void pack_outer_weights(const network_shape *net, const float *params,
                               const float *behind, float *packed)
{
    const outer_weights place = find_outer_weights(net, packed);
    if (net->filter > 1)
        pack_filter(net, params, (float *)place.filter);
    for (int stage = 0; stage < stage_count(net); stage++) {
        pack_kernel(stage_kernel(net, stage), behind, (float *)place.kernels[stage],
                    (float *)place.flipped[stage]);
        behind += kernel_count(net, stage);
    }
    memcpy((float *)place.combination, behind, combination_count(net) * sizeof(float));
}

#endif
