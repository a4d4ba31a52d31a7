/* Loss and gradient of one block of a patch.  Read forward.h first.
 *
 * The forward pass keeps all maps of the block.  In the backward pass, a delta is the
 * derivative of the loss by a value of a map:
 *
 *     D2 = [W3' * D]   D1 = [W2' * D2]
 *
 * where D, D2 and D1 are the deltas of the estimate F and of the maps F2 and F1,
 * Wl' is the kernel of layer l with rows and columns reversed and inputs and
 * outputs exchanged (`flipped` of layout.h), and [ ] sets deltas to zero where the
 * rectifier did.  Inside a border of zeros this is a correlation, so it has the
 * loop of the forward pass, `convolve_row`.
 *
 * The gradient of a weight is a sum over pixels: of an input value times a delta.
 * Vectors run over filters, and so over deltas.  The last layer has too few
 * filters to fill one: there the vectors run over inputs, and the sums are the
 * gradient of flipped weights.
 *
 * The tail comes first: tail_gradient.h computes D.  The filter in front is fixed, and
 * has no gradient. */
#ifndef PYDBCNN_BACKWARD_H
#define PYDBCNN_BACKWARD_H

#include "forward.h"
#include "tail_gradient.h"

/* DELTA_ROWS rows of deltas are made, then used, while they are in the first-level
 * cache.  More rows spread the cost of adding the sums of a block to memory.  A block
 * has TAPS weights by two vectors. */
enum { DELTA_ROWS = 4, TAPS = PIXELS };

/* Rows of inputs, and of the deltas behind them.  In the last layer, `input` are deltas
 * and `delta` inputs. */
typedef struct {
    const float *input; /* the first pixel under the kernel */
    ptrdiff_t input_stride;
    int step;
    const float *delta;
    ptrdiff_t delta_stride;
    int filters; /* padded to whole vectors */
    int height, width;
} gradient_task;

/* One block: adds the gradient of `taps` weights by `vectors` vectors of filters. */
INLINE void add_products(const int taps, const int vectors, const gradient_task *task,
                         const float *input, int filter, float *gradient)
{
    vec sum[TAPS][VECTORS];
#pragma GCC unroll 16
    for (int k = 0; k < taps; k++)
#pragma GCC unroll 16
        for (int v = 0; v < vectors; v++)
            sum[k][v] = (vec){0};

    for (int y = 0; y < task->height; y++) {
        const float *in = input + y * task->input_stride;
        const float *delta = task->delta + y * task->delta_stride + filter;
        for (int x = 0; x < task->width;
             x++, in += task->step, delta += task->filters) {
            vec value[VECTORS];
#pragma GCC unroll 16
            for (int v = 0; v < vectors; v++)
                value[v] = load(delta + v * LANES);
#pragma GCC unroll 16
            for (int k = 0; k < taps; k++)
#pragma GCC unroll 16
                for (int v = 0; v < vectors; v++)
                    sum[k][v] += value[v] * in[k];
        }
    }

#pragma GCC unroll 16
    for (int k = 0; k < taps; k++)
#pragma GCC unroll 16
        for (int v = 0; v < vectors; v++) {
            float *to = gradient + (size_t)k * task->filters + filter + v * LANES;
            store(to, load(to) + sum[k][v]);
        }
}

INLINE void add_taps(const int vectors, const gradient_task *task, const float *input,
                     int depth, int filter, float *gradient)
{
    const int part = even_part(depth, TAPS);
    for (int k = 0; k < depth; k += part)
        WITH_BLOCK(smaller(part, depth - k), TAPS,
                   add_products(block, vectors, task, input + k, filter,
                                gradient + (size_t)k * task->filters))
}

/* Adds to gradient[row][column, input][filter] the sums over pixels of input
 * x delta. */
static void add_weight_gradient(const gradient_task *task, int kernel, float *gradient)
{
    const int depth = kernel * task->step;
    for (int filter = 0; filter < task->filters; filter += VECTORS * LANES)
        for (int row = 0; row < kernel; row++) {
            const float *input = task->input + row * task->input_stride;
            float *to = gradient + (size_t)row * depth * task->filters;
            if (task->filters - filter > LANES)
                add_taps(2, task, input, depth, filter, to);
            else
                add_taps(1, task, input, depth, filter, to);
        }
}

static void add_bias_gradient(const gradient_task *task, float *gradient)
{
    for (int y = 0; y < task->height; y++)
        for (int x = 0; x < task->width; x++)
            for (int f = 0; f < task->filters; f += LANES)
                store(gradient + f,
                      load(gradient + f) + load(task->delta + y * task->delta_stride +
                                                (ptrdiff_t)x * task->filters + f));
}

/* The layout of a gradient while it is summed: first the tail, as in `params`; then for
 * each layer its weights, [row][column, input][filter], or those of the last layer
 * flipped, [row][column, output][input]; and then its biases. */
INLINE size_t gradient_place(const network_shape *net, int l)
{
    size_t place = aligned_floats(tail_count(net));
    for (int before = 0; before < l; before++)
        place += direct_size(net, before) + bias_size(net, before);
    return place;
}

INLINE float *gradient_of(const network_shape *net, int l, float *gradient)
{
    return gradient + gradient_place(net, l);
}

static size_t gradient_size(const network_shape *net)
{
    return gradient_place(net, net->n_layers);
}

/* Map `l` of a block, and its deltas inside a border of zeros. */
typedef struct {
    const float *values;
    ptrdiff_t stride;
    float *delta;
    ptrdiff_t delta_stride;
    int border;
    int height, width, channels;
} block_map;

INLINE float *delta_row(const block_map *map, int row)
{
    return map->delta + (row + map->border) * map->delta_stride +
           (ptrdiff_t)map->border * map->channels;
}

/* The exact side of map `l`.  That of tile maps may be larger, as transformed layers
 * make whole squares. */
INLINE int block_side(const network_shape *net, int l, int side)
{
    return side + 2 * radius_from(net, l);
}

/* Takes memory for all maps of a block and for their deltas, and returns how many
 * floats they need. */
INLINE size_t lay_out_block(const network_shape *net, int height, int width,
                            tile_maps *tile, block_map *maps, tail_deltas *deltas,
                            float *scratch)
{
    float *free_space = scratch + lay_out_tile(net, height, width, 1, tile, scratch);
    for (int l = 1; l <= net->n_layers; l++) {
        block_map *map = &maps[l];
        map->height = block_side(net, l, height);
        map->width = block_side(net, l, width);
        map->channels = map_channels(net, l);
        map->values = tile->maps[l].ring;
        map->stride = tile->maps[l].stride;
        /* No layer before the first asks for the deltas of map 1: as soon as some rows
         * of them are made, they are used for the gradient of the first layer. */
        map->border = l == 1 ? 0 : net->layers[l - 1].kernel - 1;
        map->delta_stride = (ptrdiff_t)(map->width + 2 * map->border) * map->channels;
        map->delta = take(&free_space,
                          (l == 1 ? DELTA_ROWS : map->height + 2 * map->border) *
                              map->delta_stride);
    }
    *deltas = lay_out_deltas(net, height, width, &free_space);
    return free_space - scratch;
}

static size_t block_scratch(const network_shape *net, int block_height,
                            int block_width)
{
    tile_maps tile;
    block_map maps[MAX_LAYERS + 1];
    tail_deltas deltas;
    return lay_out_block(net, block_height, block_width, &tile, maps, &deltas, NULL) +
           layer_scratch(net);
}

/* Copies the block with its halo to the layout of the forward pass.  Transformed layers
 * may read pixels beyond the patch.  No output that is used depends on these, but a NaN
 * among them would spread, so they are zeros. */
INLINE void copy_input(const tile_map *map, const float *input, ptrdiff_t stride,
                       int height, int width)
{
    for (int y = 0; y < map->height; y++) {
        float *row = ring_row(map, y);
        for (int x = 0; x < map->width; x++)
            for (int c = 0; c < map->channels; c++)
                row[pixel_place(map, x) + c] =
                    y < height && x < width
                        ? input[y * stride + x * map->channels + c] : 0.0f;
    }
}

/* The forward pass, layer by layer, since the backward pass needs whole maps. */
INLINE void forward_block(const network_shape *net, const packed_weights *weights,
                          const tile_maps *tile, float *scratch)
{
    const tile_map *maps = tile->maps, *estimate = &maps[net->n_layers];
    clear_tail(net, &tile->tail);
    make_map0(net, weights, tile);
    for (int l = 0; l < net->n_layers; l++)
        for (int row = 0; row < maps[l + 1].height; row += rows_at_once(net, l))
            make_rows(net, weights, maps, l, row, scratch);
    add_input(net, maps, 0, estimate->height);
    make_tail(net, &weights->outer, &tile->tail);
}

/* Copies the deltas of the estimate of the three layers, which the tail has left, into
 * the border of zeros that the last layer needs. */
INLINE void estimate_deltas(const tail_deltas *deltas, const block_map *estimate)
{
    const int count = estimate->width * estimate->channels;
    memset(estimate->delta, 0, (estimate->height + 2 * estimate->border) *
                                   estimate->delta_stride * sizeof(float));
    for (int y = 0; y < estimate->height; y++)
        memcpy(delta_row(estimate, y), plane_row(&deltas->maps[0], y),
               count * sizeof(float));
}

/* Adds the gradient of the last layer. */
INLINE void last_layer_gradient(const network_shape *net, const block_map *maps,
                                float *gradient)
{
    const int l = net->n_layers - 1;
    const block_map *out = &maps[l + 1];
    float *weights = gradient_of(net, l, gradient);
    float *bias = weights + direct_size(net, l);
    for (int top = 0; top < maps[l].height; top += DELTA_ROWS) {
        const gradient_task task = {
            .input = out->delta + top * out->delta_stride,
            .input_stride = out->delta_stride, .step = out->channels,
            .delta = maps[l].values + top * maps[l].stride,
            .delta_stride = maps[l].stride, .filters = maps[l].channels,
            .height = smaller(DELTA_ROWS, maps[l].height - top),
            .width = maps[l].width,
        };
        add_weight_gradient(&task, net->layers[l].kernel, weights);
    }
    for (int y = 0; y < out->height; y++)
        for (int x = 0; x < out->width; x++)
            for (int c = 0; c < out->channels; c++)
                bias[c] += delta_row(out, y)[x * out->channels + c];
}

/* Makes the deltas of map `l` from those behind layer `l`, and adds the gradient of
 * layer l - 1, which made the map. */
INLINE void hidden_layer_gradient(const network_shape *net,
                                  const packed_weights *weights, const block_map *maps,
                                  int l, float *gradient)
{
    const block_map *map = &maps[l], *behind = &maps[l + 1];
    const int kernel = net->layers[l].kernel;
    float *weight_gradient = gradient_of(net, l - 1, gradient);
    float *bias_gradient = weight_gradient + direct_size(net, l - 1);
    if (map->border)
        memset(map->delta, 0,
               (map->height + 2 * map->border) * map->delta_stride * sizeof(float));
    for (int top = 0; top < map->height; top += DELTA_ROWS) {
        const int height = smaller(DELTA_ROWS, map->height - top);
        float *first = l == 1 ? map->delta : delta_row(map, top);
        for (int y = 0; y < height; y++) {
            const float *rows[MAX_KERNEL];
            for (int k = 0; k < kernel; k++)
                rows[k] = behind->delta + (top + y + k) * behind->delta_stride;
            const row_task task = {
                .rows = rows, .n_rows = kernel, .depth = kernel * behind->channels,
                .step = behind->channels, .weights = weights->flipped[l],
                .mask = map->values + (top + y) * map->stride,
                .output = first + y * map->delta_stride, .filters = map->channels,
                .width = map->width,
            };
            convolve_row(&task);
        }
        const gradient_task task = {
            .input = maps[l - 1].values + top * maps[l - 1].stride,
            .input_stride = maps[l - 1].stride, .step = maps[l - 1].channels,
            .delta = first, .delta_stride = map->delta_stride,
            .filters = map->channels, .height = height, .width = map->width,
        };
        add_weight_gradient(&task, net->layers[l - 1].kernel, weight_gradient);
        add_bias_gradient(&task, bias_gradient);
    }
}

static double block_gradient(const network_shape *net, const float *packed,
                             const patch_batch *batch, ptrdiff_t block, float *scratch,
                             float *gradient)
{
    const int last = net->n_layers, halo = 2 * whole_radius(net);
    const int inputs = map_channels(net, 0), outputs = map_channels(net, last);
    const ptrdiff_t per_patch = (ptrdiff_t)batch->blocks_down * batch->blocks_across;
    const ptrdiff_t patch = block / per_patch;
    const int top =
        (int)(block % per_patch) / batch->blocks_across * batch->block_height;
    const int left =
        (int)(block % per_patch) % batch->blocks_across * batch->block_width;
    const int height = smaller(batch->block_height, batch->height - top);
    const int width = smaller(batch->block_width, batch->width - left);
    const packed_weights weights = find_weights(net, packed);

    tile_maps tile;
    block_map maps[MAX_LAYERS + 1];
    tail_deltas deltas;
    float *for_layers =
        scratch + lay_out_block(net, height, width, &tile, maps, &deltas, scratch);
    maps[0].channels = inputs;
    maps[0].stride = (ptrdiff_t)(batch->width + halo) * inputs;
    maps[0].values = batch->inputs +
                     (patch * (batch->height + halo) + top) * maps[0].stride +
                     (ptrdiff_t)left * inputs;
    copy_input(&tile.input, maps[0].values, maps[0].stride, batch->height + halo - top,
               batch->width + halo - left);
    if (has_own_input(net)) {
        maps[0].values = tile.filtered.ring;
        maps[0].stride = tile.filtered.stride;
    }
    const ptrdiff_t target_stride = (ptrdiff_t)batch->width * outputs;
    const float *target = batch->targets +
                          (patch * batch->height + top) * target_stride +
                          (ptrdiff_t)left * outputs;

    forward_block(net, &weights, &tile, for_layers);
    const double squares = tail_gradient(net, &weights.outer, &tile.tail, target,
                                         target_stride, batch->delta_scale, &deltas,
                                         gradient);
    estimate_deltas(&deltas, &maps[last]);
    last_layer_gradient(net, maps, gradient);
    for (int l = last - 1; l > 0; l--)
        hidden_layer_gradient(net, &weights, maps, l, gradient);
    return squares;
}

/* Writes the gradient of a layer in the order of `params`. */
INLINE void unpack_layer(const network_shape *net, int l, const float *packed,
                         float *result)
{
    const layer_shape *shape = &net->layers[l];
    const int positions = shape->kernel * shape->kernel;
    const int last = l == net->n_layers - 1;
    const int inputs = map_channels(net, l), outputs = map_channels(net, l + 1);
    for (int at = 0; at < positions; at++)
        for (int i = 0; i < shape->inputs; i++)
            for (int o = 0; o < shape->outputs; o++)
                *result++ =
                    last ? packed[(size_t)((positions - 1 - at) * outputs + o) *
                                      inputs + i]
                         : packed[(size_t)(at * inputs + i) * outputs + o];
    memcpy(result, packed + direct_size(net, l), shape->outputs * sizeof(float));
}

static void reduce_gradient(const network_shape *net, float *gradients, size_t stride,
                            int count, float *result)
{
    float *total = gradients;
    const size_t size = gradient_size(net);
    memset(result, 0, filter_count(net) * sizeof(float)); /* the filter is fixed */
    result += filter_count(net);
    for (int g = 1; g < count; g++)
        for (size_t i = 0; i < size; i += LANES)
            store(total + i, load(total + i) + load(gradients + g * stride + i));
    for (int l = 0; l < net->n_layers; l++) {
        unpack_layer(net, l, gradient_of(net, l, total), result);
        result += weight_count(net, l) + net->layers[l].outputs;
    }
    memcpy(result, total, tail_count(net) * sizeof(float));
}

#endif
