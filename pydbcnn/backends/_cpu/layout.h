/* Where the weights of the three layers lie, as the network stores them and as the
 * single-precision loops read them, and which layers use Winograd's algorithm.
 *
 * `params` is the flat vector of the network: for each layer the weights in the order
 * HWIO (kernel row, kernel column, input, output), then the biases.  The weights of the
 * outer layers lie before and behind them (outer_layers.h).
 *
 * Packed weights are the same numbers in the order in which the inner loops read them.
 * Those of the outer layers come first.  Channels of hidden layers are padded with
 * zeros to whole vectors.  There are three layouts:
 *   filters   of hidden layers in the forward pass: [block][row][column, input]
 *             [filter], where a block is VECTORS vectors of filters: a loop reads it
 *             from its beginning to its end.  Transformed layers (winograd.h) have
 *             [block][point][3x3 block][input][filter];
 *   dots      of the last layer in the forward pass: [output][row][column, input];
 *   flipped   of all layers but the first in the backward pass: [block][row][column,
 *             output][input], rows and columns reversed, for the loop of `filters`. */
#ifndef PYDBCNN_LAYOUT_H
#define PYDBCNN_LAYOUT_H

#include "engine.h"
#include "outer_layers.h"
#include "vector.h"

#include <string.h>

/* The channels of map `l` in memory, with padding.  Map 0 is the image, map `l` what
 * layer `l` reads, and the last map the output. */
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
    SQUARE = 4,     /* side of the square of outputs of one transform */
    POINTS = 6,     /* side of the square of products that it needs */
    MAX_BLOCKS = 5, /* 3x3 blocks along a side of the largest kernel */
};
_Static_assert(3 * MAX_BLOCKS >= MAX_KERNEL, "blocks of 3x3 cover every kernel");

/* The number of 3x3 blocks along a side of a kernel. */
INLINE int blocks_across(int kernel)
{
    return divide_up(kernel, 3);
}

/* A group is the squares that are multiplied together; each group reads all weights
 * once.  Its products for one column of points, and its values between the two halves
 * of the output transform, take (6 + 24) x 12 x 2 vectors: 45 KiB for AVX-512, and 11
 * KiB for AVX2 with its 6 squares.  So they stay in the cache while the weights
 * stream past.  The transformed inputs of a group may take 1 MiB, to stay in the
 * second level, too. */
enum { GROUP = PIXELS, MAX_GROUP_SIZE = 1 << 18 };

/* Floats that one point and one 3x3 block of a group take: [square, input], in whole
 * vectors. */
INLINE int group_stride(int inputs)
{
    return round_up(GROUP * inputs, LANES);
}

/* Floats of the transformed inputs of a group. */
INLINE size_t group_size(int blocks, int inputs)
{
    return (size_t)POINTS * POINTS * blocks * blocks * group_stride(inputs);
}

/* Whether Winograd's algorithm pays for layer `l`.  Its multiplications, output
 * transform and input transform are compared with the multiplications of the direct
 * loop, for one pixel and one filter (winograd.h has the numbers).  All filters share
 * the input transform; its 9.75 operations for each pixel, input and block count twice,
 * as they come with as many loads and stores. */
INLINE int is_transformed(const network_shape *net, int l)
{
    if (net->direct || l == net->n_layers - 1)
        return 0;
    const int kernel = net->layers[l].kernel, inputs = map_channels(net, l);
    const int blocks = blocks_across(kernel);
    if (group_size(blocks, inputs) > MAX_GROUP_SIZE)
        return 0;
    const float transformed =
        2.25f * blocks * blocks * inputs + 6.25f +
        19.5f * blocks * blocks * inputs / map_channels(net, l + 1);
    return transformed < 0.8f * kernel * kernel * inputs;
}

/* The weights that are stored for each input and filter: those of a kernel, or for a
 * transformed layer POINTS x POINTS for each 3x3 block. */
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

/* The size of weights that are not transformed: of gradients, and of flipped
 * weights. */
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

/* The place of a weight in the layout `filters`.  A tap is a position of the kernel
 * together with an input, and counts as in HWIO. */
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

/* Packs the weights of a layer that is not transformed, for the forward pass and
 * flipped for the backward pass; where the place for either is NULL, it is left out. */
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

/* G g: three weights in a line become six numbers.  If the weights are the coefficients
 * of a polynomial, these are its values at 0, 1, -1, 2, -2 and infinity, each with a
 * factor. */
INLINE void transform_weights(double g0, double g1, double g2, double *point)
{
    point[0] = g0 / 4;
    point[1] = -(g0 + g1 + g2) / 6;
    point[2] = -(g0 - g1 + g2) / 6;
    point[3] = (g0 + 2 * g1 + 4 * g2) / 24;
    point[4] = (g0 - 2 * g1 + 4 * g2) / 24;
    point[5] = g2;
}

/* G g G' of the 3x3 block that begins at (top, left); beyond the kernel it has
 * zeros. */
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
    params += filter_count(net);
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
