/* How the bfloat16 engines store weights: the counterpart of layout.h.
 *
 * A layer is a product of matrices: pixels x inputs times inputs x filters.  Each row of
 * its kernel becomes whole tiles of weights, as products.h describes them, and the rest
 * of a tile is filled with zeros.  Read products.h first.
 *
 * Few channels would fill little of a tile, so rows of the image may be stacked: pixel
 * x of stacked row y holds pixel x of rows y, y + 1, ... as more channels.
 *
 * The last layer has few outputs, so the columns of its kernel become filters: product
 * (column, output) of pixel x belongs to the output of pixel x - column, where it is
 * added. */
#ifndef PYDBCNN_BFLOAT16_LAYOUT_H
#define PYDBCNN_BFLOAT16_LAYOUT_H

#include "layout.h"
#include "products.h"

enum { MAX_STACK = 4 };
static const float LEVELS = 255.0f, MIDDLE = 128.0f;

/* A layer as a product. */
typedef struct {
    int stack;   /* rows of the image in one stacked row */
    int n_rows;  /* rows of input under the kernel */
    int step;    /* inputs of a pixel */
    int depth;   /* inputs under a row of the kernel, an even number */
    int chunks;  /* of a row of the kernel */
    int tiles;   /* of filters */
    int overlap; /* rows of input beyond those of output */
} bf16_layer;

/* Rows to stack so that the fewest products are made. */
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

/* Channels of map `l`: hidden maps are whole pairs of tiles. */
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
    const int filters = last ? kernel * net->layers[l].outputs : bf16_channels(net, l + 1);
    return (bf16_layer){
        .stack = stack, .n_rows = divide_up(kernel, stack), .step = step,
        .depth = depth, .chunks = divide_up(depth, CHUNK),
        .tiles = divide_up(filters, TILE),
        .overlap = divide_up(kernel, stack) * stack - 1,
    };
}

INLINE size_t bf16_weights_size(const bf16_layer *layer)
{
    return (size_t)layer->n_rows * layer->chunks * layer->tiles * TILE * CHUNK / 2;
}

/* Floats of the weights and biases of a layer; weights take half a float each. */
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

/* Rounded to nearest, ties to even; a NaN stays one. */
INLINE uint16_t to_bfloat16(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (value != value)
        return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* Two tiles of filters lie beside each other, chunk by chunk; the last may be alone. */
INLINE size_t bf16_place(const bf16_layer *layer, int row, int k, int filter)
{
    const int tile = filter / TILE, pair = tile / 2;
    const int beside = smaller(2, layer->tiles - 2 * pair);
    const size_t chunk = (size_t)row * layer->chunks + k / CHUNK;
    const size_t before = (size_t)2 * pair * layer->n_rows * layer->chunks;
    return (before + chunk * beside + tile % 2) * TILE * CHUNK +
           (size_t)(k % CHUNK / 2 * TILE + filter % TILE) * 2 + k % 2;
}

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
                    const int k = last ? i : x * layer.step + y % layer.stack * inputs + i;
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
    params += quadrant_count(net);
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
