/* What surrounds the layers: the filter in front, and back-projections and the
 * combination behind.  Here is where their weights lie, in both precisions.
 *
 * `params` begins with the quadrant of the filter, from its centre on, and ends with K
 * and P of each back-projection and with A, B and b of the combination.
 *
 * Packed, kernels lie as filter.h reads them; behind each one lies the same with rows
 * and columns reversed, for the backward pass.  A, B and b lie as they are. */
#ifndef PYDBCNN_OUTER_LAYERS_H
#define PYDBCNN_OUTER_LAYERS_H

#include "filter.h"

/* Stages behind the layers: each back-projection blurs, then projects. */
enum { MAX_STAGES = 2 * MAX_BACK_PROJECTIONS };

INLINE int stage_count(const network_shape *net)
{
    return 2 * net->n_back_projections;
}

INLINE int stage_kernel(const network_shape *net, int stage)
{
    return stage % 2 ? net->projection : net->reblur;
}

/* Context that stages from `first` on need, and the layers with all that follow. */
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

/* Whether the blurred input is kept beside map 0. */
INLINE int is_used_later(const network_shape *net)
{
    return net->n_back_projections || net->combine;
}

INLINE int has_own_input(const network_shape *net)
{
    return net->filter > 1 || is_used_later(net);
}

/* Entries of the times, in the order in which things work: the filter, the layers, the
 * back-projections, the combination, each if there is one, and the pixels. */
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

INLINE size_t quadrant_count(const network_shape *net)
{
    const size_t side = net->filter / 2 + 1;
    return net->filter > 1 ? side * side : 0;
}

INLINE size_t filter_size(const network_shape *net)
{
    return net->filter > 1
               ? aligned_floats((size_t)net->filter * (net->filter / 2 + 1)) : 0;
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

/* Parameters behind those of the layers. */
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

INLINE void pack_filter(const network_shape *net, const float *quadrant, float *packed)
{
    const int radius = net->filter / 2;
    for (int x = 0; x <= radius; x++)
        for (int y = -radius; y <= radius; y++)
            *packed++ = quadrant[(y < 0 ? -y : y) * (radius + 1) + x];
}

INLINE void pack_kernel(int kernel, const float *weights, float *direct, float *flipped)
{
    for (int y = 0; y < kernel; y++)
        for (int x = 0; x < kernel; x++) {
            direct[x * kernel + y] = *weights;
            flipped[(kernel - 1 - x) * kernel + kernel - 1 - y] = *weights++;
        }
}

/* `params` and `behind`: the whole vector, and what follows the layers in it. */
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
