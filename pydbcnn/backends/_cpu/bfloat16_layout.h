/* Where the weights of the three layers lie for the bfloat16 engines: the counterpart
 * of layout.h.  Read products.h first.
 *
 * A layer is a product of matrices, (pixels x inputs) times (inputs x filters), where
 * the inputs are those under one row of the kernel.  Each row of a kernel becomes whole
 * tiles of weights, with zeros where a tile has more inputs or filters than the layer.
 *
 * The first layer has few inputs.  To fill a tile with them, rows of the image may be
 * stacked: pixel x of stacked row y has as its channels those of pixel x of the rows y,
 * y + 1 and so on.
 *
 * The last layer has few filters.  To fill a tile, the columns of its kernel become
 * filters, too: pixel x gives one product for each (column, output), which is then
 * added to the output of pixel x - column. */
#ifndef PYDBCNN_BFLOAT16_LAYOUT_H
#define PYDBCNN_BFLOAT16_LAYOUT_H

#include "layout.h"
#include "products.h"

enum { MAX_STACK = 4 }; /* rows of the image in one stacked row */

/* The image enters as LEVELS x - MIDDLE, so that images of 8 bits are exact and
 * rounded weights meet values around zero.  Weights and biases of the first layer make
 * up for it. */
static const float LEVELS = 255.0f, MIDDLE = 128.0f;

/* The sizes of a layer as a product of matrices. */
typedef struct {
    int stack;   /* rows of the image in one stacked row */
    int n_rows;  /* stacked rows under the kernel */
    int step;    /* inputs of a pixel */
    int depth;   /* inputs under a row of the kernel, rounded up to an even number */
    int chunks;  /* tiles of inputs that a row of the kernel takes */
    int tiles;   /* tiles of filters */
    int overlap; /* rows of input that the layer needs beyond those that it makes */
} bf16_layer;

/* How many rows to stack, so that there are as few products of tiles as can be. */
INLINE int best_stack(int kernel, int inputs)
{
    int best = 1, fewest = 0;
    for (int stack = 1; stack <= smaller(kernel, MAX_STACK); stack++) {
        const int products =
            divide_up(kernel, stack) * divide_up(kernel * inputs * stack, CHUNK);
        if (stack == 1 || products < fewest) {
            best = stack;
            fewest = products;
        }
    }
    return best;
}

/* The channels of map `l` in memory: those of hidden maps fill pairs of tiles. */
INLINE int bf16_channels(const network_shape *net, int l)
{
    return l == 0 || l == net->n_layers
               ? map_channels(net, l)
               : round_up(net->layers[l - 1].outputs, 2 * TILE);
}

INLINE bf16_layer describe_bf16(const network_shape *net, int l)
{
    const int kernel = net->layers[l].kernel, last = l == net->n_layers - 1;
    const int stack = l == 0 ? best_stack(kernel, bf16_channels(net, 0)) : 1;
    const int step = bf16_channels(net, l) * stack;
    const int depth = round_up(last ? step : kernel * step, 2);
    const int filters =
        last ? kernel * net->layers[l].outputs : bf16_channels(net, l + 1);
    return (bf16_layer){
        .stack = stack, .n_rows = divide_up(kernel, stack), .step = step,
        .depth = depth, .chunks = divide_up(depth, CHUNK),
        .tiles = divide_up(filters, TILE),
        .overlap = divide_up(kernel, stack) * stack - 1,
    };
}

/* Floats of the weights of a layer: two weights take the place of a float. */
INLINE size_t bf16_weights_size(const bf16_layer *layer)
{
    return (size_t)layer->n_rows * layer->chunks * layer->tiles * TILE * CHUNK / 2;
}

/* Floats of the weights and the biases of a layer. */
INLINE size_t bf16_layer_size(const bf16_layer *layer)
{
    return bf16_weights_size(layer) + aligned_floats(layer->tiles * TILE);
}

static size_t bf16_packed_size(const network_shape *net, int backward)
{
    (void)backward; /* there is no backward pass in this precision */
    size_t size = outer_weights_size(net);
    for (int l = 0; l < net->n_layers; l++) {
        const bf16_layer layer = describe_bf16(net, l);
        size += bf16_layer_size(&layer);
    }
    return size;
}

/* Rounds to nearest, ties to even.  A NaN stays a NaN. */
INLINE uint16_t to_bfloat16(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (value != value)
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* The place of a weight.  Tiles of filters come in pairs, which are multiplied
 * together: the tiles of a pair alternate, chunk by chunk.  The last tile may
 * have no partner. */
INLINE size_t bf16_place(const bf16_layer *layer, int row, int k, int filter)
{
    const int tile = filter / TILE, pair = tile / 2;
    const int beside = smaller(2, layer->tiles - 2 * pair);
    const size_t chunk = (size_t)row * layer->chunks + k / CHUNK;
    const size_t before = (size_t)2 * pair * layer->n_rows * layer->chunks;
    return (before + chunk * beside + tile % 2) * TILE * CHUNK +
           (size_t)(k % CHUNK / 2 * TILE + filter % TILE) * 2 + k % 2;
}

/* `weights` has the weights of layer `l` in the order HWIO, then its biases. */
INLINE void pack_bf16_layer(const network_shape *net, int l, const float *weights,
                            uint16_t *packed, float *bias)
{
    const layer_shape *shape = &net->layers[l];
    const bf16_layer layer = describe_bf16(net, l);
    const int last = l == net->n_layers - 1, inputs = bf16_channels(net, l);
    const float *biases = weights + weight_count(net, l);
    memcpy(bias, biases, shape->outputs * sizeof(float));
    for (int y = 0; y < shape->kernel; y++)
        for (int x = 0; x < shape->kernel; x++)
            for (int i = 0; i < shape->inputs; i++)
                for (int o = 0; o < shape->outputs; o++) {
                    const float weight = *weights++;
                    const int k =
                        last ? i : x * layer.step + y % layer.stack * inputs + i;
                    const int filter = last ? x * shape->outputs + o : o;
                    packed[bf16_place(&layer, y / layer.stack, k, filter)] =
                        to_bfloat16(l == 0 ? weight / LEVELS : weight);
                    if (l == 0)
                        bias[o] += weight * (MIDDLE / LEVELS);
                }
}

static void bf16_pack(const network_shape *net, const float *params, int backward,
                      float *packed)
{
    memset(packed, 0, bf16_packed_size(net, backward) * sizeof(float));
    const float *all = params;
    float *outer = packed;
    params += filter_count(net);
    packed += outer_weights_size(net);
    for (int l = 0; l < net->n_layers; l++) {
        const bf16_layer layer = describe_bf16(net, l);
        pack_bf16_layer(net, l, params, (uint16_t *)packed,
                        packed + bf16_weights_size(&layer));
        params += weight_count(net, l) + net->layers[l].outputs;
        packed += bf16_layer_size(&layer);
    }
    pack_outer_weights(net, all, params, outer);
}

#endif
