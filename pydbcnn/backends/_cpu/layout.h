/* Where weights lie.
 *
 * `params` is the network's flat vector: per layer the HWIO weights (kernel row,
 * kernel column, input, output), then the biases.  What surrounds the layers comes
 * before and behind, see outer_layers.h; packed, it comes first.
 *
 * Packed, channels of hidden layers are padded to whole vectors with zeros, and
 * these layouts serve the loops:
 *   filters   hidden layers, forward: [block][row][column, input][filter], where a
 *             block is VECTORS vectors of filters, so that a block streams through;
 *             or transformed, see winograd.h: [block][point][3x3 block][input][filter];
 *   dots      the last layer, forward: [output][row][column, input];
 *   flipped   all layers but the first, backward: [block][row][column, output]
 *             [input], rows and columns reversed: the same loop as `filters`.
 */
#ifndef PYDBCNN_LAYOUT_H
#define PYDBCNN_LAYOUT_H

#include "engine.h"
#include "outer_layers.h"
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

INLINE size_t weight_count(const network_shape *net, int l)
{
    const layer_shape *shape = &net->layers[l];
    return (size_t)shape->kernel * shape->kernel * shape->inputs * shape->outputs;
}

enum {
    SQUARE = 4,  /* outputs of a transform, a side */
    POINTS = 6,  /* products for them, a side */
    MAX_BLOCKS = 5, /* 3x3 blocks of the largest kernel, a side */
};
_Static_assert(3 * MAX_BLOCKS >= MAX_KERNEL, "blocks of 3x3 cover every kernel");

INLINE int blocks_across(int kernel)
{
    return divide_up(kernel, 3);
}

/* Squares that are multiplied together.  A group's products of one column of points
 * and its values after the first half of the output transform take (6 + 24) x 12 x 2
 * vectors: 45 KiB for AVX-512, 11 KiB for AVX2 (6 squares), so they stay in the cache
 * while the weights stream past them, once for each group.  Its transformed inputs have
 * to stay in the second-level cache: at most 1 MiB. */
enum { GROUP = PIXELS, MAX_GROUP_SIZE = 1 << 18 };

/* Floats of a transformed row of a group: a vector more may be written. */
INLINE int group_stride(int inputs)
{
    return round_up(GROUP * inputs, LANES);
}

/* Floats of the transformed inputs of a group. */
INLINE size_t group_size(int blocks, int inputs)
{
    return (size_t)POINTS * POINTS * blocks * blocks * group_stride(inputs);
}

/* Whether layer `l` is worth transforming: multiplications and the two transforms, a
 * pixel and filter, against multiplications alone; see winograd.h.  The input transform
 * serves all filters; its 9.75 operations a pixel, input and block count twice, for the
 * loads and stores between them. */
INLINE int is_transformed(const network_shape *net, int l)
{
    if (net->direct || l == net->n_layers - 1)
        return 0;
    const int kernel = net->layers[l].kernel, inputs = map_channels(net, l);
    const int blocks = blocks_across(kernel);
    if (group_size(blocks, inputs) > MAX_GROUP_SIZE)
        return 0;
    const float transformed = 2.25f * blocks * blocks * inputs + 6.25f +
                              19.5f * blocks * blocks * inputs / map_channels(net, l + 1);
    return transformed < 0.8f * kernel * kernel * inputs;
}

/* Positions of a kernel as it is stored: transformed layers hold POINTS x POINTS for
 * each 3x3 block. */
INLINE size_t stored_positions(const network_shape *net, int l)
{
    const int kernel = net->layers[l].kernel, blocks = blocks_across(kernel);
    return is_transformed(net, l) ? (size_t)blocks * blocks * POINTS * POINTS
                                  : (size_t)kernel * kernel;
}

INLINE size_t forward_size(const network_shape *net, int l)
{
    return aligned_floats(stored_positions(net, l) * map_channels(net, l) *
                          map_channels(net, l + 1));
}

/* Of the weights as they are: gradients, and what the backward pass reads. */
INLINE size_t direct_size(const network_shape *net, int l)
{
    const size_t kernel = net->layers[l].kernel;
    return aligned_floats(kernel * kernel * map_channels(net, l) *
                          map_channels(net, l + 1));
}

INLINE size_t bias_size(const network_shape *net, int l)
{
    return aligned_floats(map_channels(net, l + 1));
}

INLINE size_t flipped_size(const network_shape *net, int l)
{
    return l == 0 ? 0 : direct_size(net, l);
}

/* Pointers into a packed vector. */
typedef struct {
    outer_weights outer;
    const float *forward[MAX_LAYERS];
    const float *bias[MAX_LAYERS];
    const float *flipped[MAX_LAYERS];
} packed_weights;

INLINE packed_weights find_weights(const network_shape *net, const float *packed)
{
    packed_weights found = {.outer = find_outer_weights(net, packed)};
    packed += outer_weights_size(net);
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
    size_t size = outer_weights_size(net);
    for (int l = 0; l < net->n_layers; l++)
        size += forward_size(net, l) + bias_size(net, l) +
                (backward ? flipped_size(net, l) : 0);
    return size;
}

/* Weights as they are, for forward, and reversed, for backward; NULL: not wanted. */
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
                if (forward)
                    forward[last ? (size_t)o * positions * inputs + tap
                                 : filter_place(positions * inputs, tap, outputs, o)] =
                        weight;
                if (flipped)
                    flipped[filter_place(positions * outputs,
                                         (positions - 1 - at) * outputs + o, inputs,
                                         i)] = weight;
            }
}

/* G g: three weights in a line become six points (points 0, 1, -1, 2, -2, infinity). */
INLINE void transform_weights(double g0, double g1, double g2, double *point)
{
    point[0] = g0 / 4;
    point[1] = -(g0 + g1 + g2) / 6;
    point[2] = -(g0 - g1 + g2) / 6;
    point[3] = (g0 + 2 * g1 + 4 * g2) / 24;
    point[4] = (g0 - 2 * g1 + 4 * g2) / 24;
    point[5] = g2;
}

/* G g G' of a 3x3 block; weights outside the kernel are zero. */
INLINE void transform_block(const layer_shape *shape, const float *weights, int top,
                            int left, double point[POINTS][POINTS])
{
    const size_t step = (size_t)shape->inputs * shape->outputs;
    double g[3][3], down[3][POINTS];
    for (int x = 0; x < 3; x++) {
        for (int y = 0; y < 3; y++)
            g[y][x] = top + y < shape->kernel && left + x < shape->kernel
                          ? weights[((top + y) * shape->kernel + left + x) * step]
                          : 0;
        transform_weights(g[0][x], g[1][x], g[2][x], down[x]);
    }
    for (int y = 0; y < POINTS; y++)
        transform_weights(down[0][y], down[1][y], down[2][y], point[y]);
}

static void pack_transformed(const network_shape *net, int l, const float *weights,
                             float *packed)
{
    const layer_shape *shape = &net->layers[l];
    const int blocks = blocks_across(shape->kernel), planes = blocks * blocks;
    const int inputs = map_channels(net, l), outputs = map_channels(net, l + 1);
    for (int plane = 0; plane < planes; plane++)
        for (int i = 0; i < shape->inputs; i++)
            for (int o = 0; o < shape->outputs; o++) {
                double point[POINTS][POINTS];
                transform_block(shape, weights + i * shape->outputs + o,
                                plane / blocks * 3, plane % blocks * 3, point);
                for (int p = 0; p < POINTS * POINTS; p++)
                    packed[filter_place(POINTS * POINTS * planes * inputs,
                                        (p * planes + plane) * inputs + i, outputs,
                                        o)] = (float)point[p % POINTS][p / POINTS];
            }
}

static void pack(const network_shape *net, const float *params, int backward,
                 float *packed)
{
    memset(packed, 0, packed_size(net, backward) * sizeof(float));
    const packed_weights place = find_weights(net, packed);
    const float *all = params;
    params += quadrant_count(net);
    for (int l = 0; l < net->n_layers; l++) {
        float *forward = (float *)place.forward[l];
        if (is_transformed(net, l))
            pack_transformed(net, l, params, forward);
        pack_layer(net, l, params, is_transformed(net, l) ? NULL : forward,
                   backward && l > 0 ? (float *)place.flipped[l] : NULL);
        params += weight_count(net, l);
        memcpy((float *)place.bias[l], params,
               net->layers[l].outputs * sizeof(float));
        params += net->layers[l].outputs;
    }
    pack_outer_weights(net, all, params, packed);
}

#endif
