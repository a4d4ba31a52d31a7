/* Where weights lie.
 *
 * `params` is the network's flat vector: per layer the HWIO weights (kernel row,
 * kernel column, input, output), then the biases.
 *
 * Packed, channels of hidden layers are padded to whole vectors with zeros, and
 * three layouts serve three loops:
 *   filters   hidden layers, forward: [block][row][column, input][filter], where a
 *             block is VECTORS vectors of filters, so that a block streams through;
 *   dots      the last layer, forward: [output][row][column, input];
 *   flipped   all layers but the first, backward: [block][row][column, output]
 *             [input], rows and columns reversed: the same loop as `filters`.
 */
#ifndef PYDBCNN_LAYOUT_H
#define PYDBCNN_LAYOUT_H

#include "engine.h"
#include "vector.h"

#include <string.h>

/* Channels of map `l` in memory; map 0 is the image, the last map the output. */
INLINE int map_channels(const network_shape *net, int l)
{
    if (l == 0)
        return net->layers[0].inputs;
    if (l == net->n_layers)
        return net->layers[l - 1].outputs;
    return round_up(net->layers[l - 1].outputs, LANES);
}

INLINE int radius_from(const network_shape *net, int first)
{
    int radius = 0;
    for (int l = first; l < net->n_layers; l++)
        radius += net->layers[l].kernel / 2;
    return radius;
}

INLINE size_t weight_count(const network_shape *net, int l)
{
    const layer_shape *shape = &net->layers[l];
    return (size_t)shape->kernel * shape->kernel * shape->inputs * shape->outputs;
}

INLINE size_t forward_size(const network_shape *net, int l)
{
    const int kernel = net->layers[l].kernel;
    return aligned_floats((size_t)kernel * kernel * map_channels(net, l) *
                          map_channels(net, l + 1));
}

INLINE size_t bias_size(const network_shape *net, int l)
{
    return aligned_floats(map_channels(net, l + 1));
}

INLINE size_t flipped_size(const network_shape *net, int l)
{
    return l == 0 ? 0 : forward_size(net, l);
}

/* Pointers into a packed vector. */
typedef struct {
    const float *forward[MAX_LAYERS];
    const float *bias[MAX_LAYERS];
    const float *flipped[MAX_LAYERS];
} packed_weights;

INLINE packed_weights find_weights(const network_shape *net, const float *packed)
{
    packed_weights found = {{NULL}, {NULL}, {NULL}};
    for (int l = 0; l < net->n_layers; l++) {
        found.forward[l] = packed;
        packed += forward_size(net, l);
        found.bias[l] = packed;
        packed += bias_size(net, l);
    }
    for (int l = 0; l < net->n_layers; l++) {
        found.flipped[l] = packed;
        packed += flipped_size(net, l);
    }
    return found;
}

/* Place of (tap, filter) in the layout of blocks of filters. */
INLINE size_t filter_place(int taps, int tap, int filters, int filter)
{
    const int width = VECTORS * LANES;
    const int block = filter / width;
    const int block_width = smaller(width, filters - block * width);
    return (size_t)block * width * taps + (size_t)tap * block_width +
           filter % width;
}

static size_t packed_size(const network_shape *net, int backward)
{
    size_t size = 0;
    for (int l = 0; l < net->n_layers; l++)
        size += forward_size(net, l) + bias_size(net, l) +
                (backward ? flipped_size(net, l) : 0);
    return size;
}

INLINE void pack_layer(const network_shape *net, int l, const float *weights,
                       float *forward, float *flipped)
{
    const layer_shape *shape = &net->layers[l];
    const int kernel = shape->kernel, last = l == net->n_layers - 1;
    const int inputs = map_channels(net, l), outputs = map_channels(net, l + 1);
    const int positions = kernel * kernel;
    for (int at = 0; at < positions; at++)
        for (int i = 0; i < shape->inputs; i++)
            for (int o = 0; o < shape->outputs; o++) {
                const float weight = *weights++;
                const int tap = at * inputs + i;
                forward[last ? (size_t)o * positions * inputs + tap
                             : filter_place(positions * inputs, tap, outputs, o)] =
                    weight;
                if (flipped)
                    flipped[filter_place(positions * outputs,
                                         (positions - 1 - at) * outputs + o, inputs,
                                         i)] = weight;
            }
}

static void pack(const network_shape *net, const float *params, int backward,
                 float *packed)
{
    memset(packed, 0, packed_size(net, backward) * sizeof(float));
    const packed_weights place = find_weights(net, packed);
    for (int l = 0; l < net->n_layers; l++) {
        pack_layer(net, l, params, (float *)place.forward[l],
                   backward && l > 0 ? (float *)place.flipped[l] : NULL);
        params += weight_count(net, l);
        memcpy((float *)place.bias[l], params,
               net->layers[l].outputs * sizeof(float));
        params += net->layers[l].outputs;
    }
}

#endif
