/* The forward pass of one tile with bfloat16 inputs, weights and maps, and sums in
 * single precision.  Read bfloat16_layout.h and forward.h first.
 *
 * Each row of the image that arrives lets the layers make a row each.  The 8
 * significant bits of a bfloat16 show little in the result, since
 *   - the image enters as 255 x - 128, see bfloat16_layout.h;
 *   - sums, biases, the output of the last layer, the input that a residual network
 *     adds to it and all outer layers are in single precision. */
#ifndef PYDBCNN_FORWARD_BFLOAT16_H
#define PYDBCNN_FORWARD_BFLOAT16_H

#include "bfloat16_layout.h"
#include "pixels.h"
#include "stopwatch.h"
#include "tail.h"
#if defined(__AMX_BF16__)
#include "products_amx.h"
#else
#include "products_avx512.h"
#endif

/* Map `l` of a tile: a ring of its rows, see maps.h. */
typedef struct {
    uint16_t *ring;
    int width;
    int kept;
    ptrdiff_t stride;
} bf16_map;

typedef struct {
    bf16_layer layers[MAX_LAYERS];
    bf16_map maps[MAX_LAYERS]; /* map 0 is the stacked image */
    tile_map input;            /* the blurred image x, in single precision */
    tile_map pixels; /* what the layers see: Q * x, or the rows of x if there is no Q */
    tile_tail tail;
    int rows, columns; /* pixels that the layers need */
    uint16_t *rounded; /* ring of rounded rows that wait until they are stacked */
    ptrdiff_t rounded_stride;
    float *products;   /* a row of products of the last layer */
    float *block;      /* sums of BLOCK_PIXELS x 2 tiles */
    ptrdiff_t *places; /* byte offsets of columns, as in find_columns of forward.h */
} bf16_tile;

INLINE uint16_t *bf16_row(const bf16_map *map, int row)
{
    return map->ring + row % map->kept * map->stride;
}

/* Floats from a pixel to the next in the products of the last layer. */
INLINE ptrdiff_t product_stride(const bf16_layer *layer)
{
    return layer->tiles * TILE;
}

/* Takes memory for the image.  All rows of it stay if the tail reads them.  Else
 * they stay until they are filtered, and what the layers see until it is added
 * to the estimate. */
INLINE void bf16_lay_out_input(const network_shape *net, bf16_tile *tile,
                               float **free_space)
{
    const int filtered = net->filter > 1, later = is_used_later(net);
    const int channels = bf16_channels(net, 0), margin = net->filter - 1;
    int kept = tile->rows - tile->tail.maps[0].height - radius_of_layers(net, 0) +
               (filtered ? FILTER_ROWS : 1);
    if (later && !filtered)
        kept = tile->rows;
    tile->pixels = take_map(tile->rows, tile->columns, channels, kept, free_space);
    tile->input = tile->pixels;
    if (filtered) {
        const int height = round_up(tile->rows, FILTER_ROWS) + margin;
        tile->input = take_map(height, tile->columns + margin, channels,
                               later ? height : FILTER_ROWS + margin, free_space);
    }
    tile->tail.input = &tile->input;
}

/* Takes memory for all maps and returns how many floats they need. */
static size_t bf16_lay_out(const network_shape *net, int height, int width,
                           bf16_tile *tile, float *scratch)
{
    const int last = net->n_layers - 1;
    float *free_space = scratch;
    tile->tail = lay_out_tail(net, height, width, 0, 1, &free_space);
    tile->rows = tile->tail.maps[0].height;
    tile->columns = tile->tail.maps[0].width;
    for (int l = last; l >= 0; l--) {
        bf16_layer *layer = &tile->layers[l];
        bf16_map *map = &tile->maps[l];
        *layer = describe_bf16(net, l);
        const int made = round_up(
            tile->columns + (l == last ? net->layers[l].kernel - 1 : 0), TILE);
        tile->rows += layer->overlap;
        tile->columns += net->layers[l].kernel - 1;
        map->width = tile->columns;
        map->kept = (layer->n_rows - 1) * layer->stack + 1;
        /* Whole tiles are written to a row, and whole chunks are read beyond
         * its end. */
        map->stride = round_up((made > round_up(map->width, TILE)
                                    ? made : round_up(map->width, TILE)) * layer->step +
                                   layer->chunks * CHUNK, CHUNK);
        map->ring = (uint16_t *)take(&free_space, map->kept * map->stride / 2);
    }
    bf16_lay_out_input(net, tile, &free_space);
    tile->rounded_stride = round_up(tile->columns * tile->input.channels, CHUNK);
    tile->rounded = (uint16_t *)take(
        &free_space, tile->layers[0].stack * tile->rounded_stride / 2);
    tile->products = take(&free_space, (round_up(tile->maps[last].width, TILE)) *
                                           product_stride(&tile->layers[last]) + LANES);
    tile->block = take(&free_space, BLOCK_PIXELS * 2 * TILE);
    tile->places = (ptrdiff_t *)take(
        &free_space, tile->input.width * sizeof(ptrdiff_t) / sizeof(float));
    return free_space - scratch;
}

static size_t bf16_tile_scratch(const network_shape *net, int height, int width)
{
    bf16_tile tile;
    return bf16_lay_out(net, height, width, &tile, NULL);
}

INLINE void round_vector(const float *from, uint16_t *to)
{
    const vec value = load_any(from) * LEVELS - MIDDLE;
    const __m256bh rounded = _mm512_cvtneps_pbh((__m512)value);
    memcpy(to, &rounded, sizeof rounded);
}

/* Rounds 255 x - 128 of a row of the image to bfloat16.  Whole vectors are
 * written: what lies behind the row is multiplied with weights of zero, so it must
 * not be a NaN. */
INLINE void round_row(const float *from, int count, uint16_t *to)
{
    int i = 0;
    for (; i + LANES <= count; i += LANES)
        round_vector(from + i, to + i);
    float rest[LANES] = {0};
    for (int k = 0; i + k < count; k++)
        rest[k] = from[i + k];
    if (i < count)
        round_vector(rest, to + i);
}

/* Makes FILTER_ROWS rows of Q * x, from row `row` on. */
INLINE void bf16_filter(const network_shape *net, const bf16_tile *tile, int row,
                        const float *weights)
{
    const float *rows[MAX_FILTER_ROWS];
    float *outputs[FILTER_ROWS];
    const int channels = tile->input.channels;
    for (int k = 0; k < net->filter + FILTER_ROWS - 1; k++)
        rows[k] = ring_row(&tile->input, row + k);
    for (int k = 0; k < FILTER_ROWS; k++)
        outputs[k] = ring_row(&tile->pixels, row + k);
    const filter_task task = {
        .rows = rows, .kernel = net->filter, .step = channels, .weights = weights,
        .outputs = outputs, .count = tile->columns * channels,
    };
    apply_filter(net, &task);
}

/* To be called when row `row` of the image has arrived: makes the stacked row whose
 * last row it is. */
INLINE void stack_rows(const bf16_tile *tile, int row, int channels)
{
    const int stack = tile->layers[0].stack, step = tile->layers[0].step;
    const int count = tile->columns * channels;
    const float *arrived = ring_row(&tile->pixels, row);
    if (stack == 1) {
        round_row(arrived, count, bf16_row(&tile->maps[0], row));
        return;
    }
    round_row(arrived, count, tile->rounded + row % stack * tile->rounded_stride);
    const int first = row - (stack - 1);
    if (first < 0)
        return;
    for (int s = 0; s < stack; s++) {
        const uint16_t *from =
            tile->rounded + (first + s) % stack * tile->rounded_stride;
        uint16_t *to = bf16_row(&tile->maps[0], first) + s * channels;
        for (int x = 0; x < tile->columns; x++, to += step)
            for (int c = 0; c < channels; c++)
                to[c] = *from++;
    }
}

/* Rectifies and rounds the sums of two tiles of filters. */
INLINE void store_rectified(const float *block, int pixels, uint16_t *to, int filters)
{
    for (int p = 0; p < pixels; p++, block += 2 * TILE, to += filters) {
        const vec low = rectify(load(block)), high = rectify(load(block + TILE));
        _mm512_store_si512(to, (__m512i)_mm512_cvtne2ps_pbh((__m512)high, (__m512)low));
    }
}

/* The product that gives row `row` of layer `l`; `rows` is room for its rows
 * of input. */
INLINE product_task bf16_task(const bf16_tile *tile, int l, int row,
                              const uint16_t **rows, ptrdiff_t output_stride)
{
    const bf16_layer *layer = &tile->layers[l];
    for (int k = 0; k < layer->n_rows; k++)
        rows[k] = bf16_row(&tile->maps[l], row + k * layer->stack);
    return (product_task){
        .rows = rows, .n_rows = layer->n_rows, .step = layer->step,
        .depth = layer->depth, .output_stride = output_stride,
    };
}

/* One row of a hidden layer. */
INLINE void bf16_hidden(const bf16_tile *tile, int l, int row, const float *packed)
{
    const bf16_layer *layer = &tile->layers[l];
    const uint16_t *rows[MAX_KERNEL];
    const product_task task = bf16_task(tile, l, row, rows, 2 * TILE);
    const uint16_t *weights = (const uint16_t *)packed;
    const float *bias = packed + bf16_weights_size(layer);
    const int width = round_up(tile->maps[l + 1].width, TILE);
    const int filters = layer->tiles * TILE;
    uint16_t *to = bf16_row(&tile->maps[l + 1], row);
    for (int filter = 0; filter < filters; filter += 2 * TILE) {
        for (int x = 0; x < width; x += BLOCK_PIXELS) {
            const int pixels = smaller(BLOCK_PIXELS, width - x);
            multiply_pixels(1, &task, x, pixels, weights, bias + filter, tile->block);
            store_rectified(tile->block, pixels, to + (ptrdiff_t)x * filters + filter,
                            filters);
        }
        weights += (size_t)layer->n_rows * layer->chunks * 2 * TILE * CHUNK;
    }
}

/* Adds, for each output, the products of all columns of the kernel.  Four outputs are
 * made at a time: those beyond the last are overwritten by the next pixel, and behind
 * the last pixel there is room for a vector. */
INLINE void add_columns(const float *products, ptrdiff_t stride, int kernel,
                        int outputs, int width, float *to)
{
    typedef float quad __attribute__((vector_size(16)));
    for (int x = 0; x < width; x++, products += stride, to += outputs)
        for (int c = 0; c < outputs; c += 4) {
            quad sum = {0}, product;
            for (int column = 0; column < kernel; column++) {
                memcpy(&product, products + column * (stride + outputs) + c,
                       sizeof product);
                sum += product;
            }
            memcpy(to + c, &sum, sizeof sum);
        }
}

/* One row of the last layer: the products of all columns of the kernel, then
 * their sums. */
INLINE void bf16_last(const network_shape *net, const bf16_tile *tile, int row,
                      const float *packed, float *to)
{
    const int l = net->n_layers - 1;
    const bf16_layer *layer = &tile->layers[l];
    const int kernel = net->layers[l].kernel, outputs = net->layers[l].outputs;
    const ptrdiff_t stride = product_stride(layer);
    const uint16_t *rows[MAX_KERNEL];
    const product_task task = bf16_task(tile, l, row, rows, stride);
    const uint16_t *weights = (const uint16_t *)packed;
    const float *bias = packed + bf16_weights_size(layer);
    const int made = round_up(tile->maps[l].width, TILE);
    for (int t = 0; t < layer->tiles; t += 2) {
        for (int x = 0; x < made; x += BLOCK_PIXELS) {
            const int pixels = smaller(BLOCK_PIXELS, made - x);
            float *products = tile->products + x * stride + t * TILE;
            if (layer->tiles - t > 1)
                multiply_pixels(1, &task, x, pixels, weights, bias + t * TILE,
                                products);
            else
                multiply_pixels(0, &task, x, pixels, weights, bias + t * TILE,
                                products);
        }
        weights += (size_t)layer->n_rows * layer->chunks * 2 * TILE * CHUNK;
    }
    add_columns(tile->products, stride, kernel, outputs, tile->tail.maps[0].width, to);
}

/* Reads the rows of the image up to `end`, of which the first `read` are
 * there already. */
INLINE int read_rows(const network_shape *net, const image_batch *batch,
                     const tile_place *place, const bf16_tile *tile, int read, int end)
{
    const tile_map *input = &tile->input;
    for (; read < end; read++)
        read_pixels(batch, place->image, place->top - whole_radius(net) + read, 1,
                    tile->places, input->width, input->channels, 0,
                    ring_row(input, read));
    return read;
}

/* Makes row `row` of what the layers see: reads it or, with a filter, makes FILTER_ROWS
 * rows at once.  `read` rows of the image are there already; returns how many there are
 * then. */
INLINE int bf16_make_pixels(const network_shape *net, const outer_weights *weights,
                            const image_batch *batch, const tile_place *place,
                            stopwatch *watch, const bf16_tile *tile, int read, int row)
{
    if (net->filter == 1)
        return read_rows(net, batch, place, tile, read, row + 1);
    if (row % FILTER_ROWS > 0)
        return read;
    read = read_rows(net, batch, place, tile, read,
                     row + FILTER_ROWS + net->filter - 1);
    add_time(watch, time_of_pixels(net));
    bf16_filter(net, tile, row, weights->filter);
    add_time(watch, 0);
    return read;
}

/* To be called when row `arrived` of the stacked image is there: each layer that can
 * make a row makes one.  Returns whether the last layer did. */
INLINE int bf16_make_rows(const network_shape *net, const float *weights,
                          stopwatch *watch, const bf16_tile *tile, int arrived)
{
    const int last = net->n_layers - 1, radius = radius_of_layers(net, 0);
    const tile_map *estimate = &tile->tail.maps[0];
    int row = arrived;
    for (int l = 0; l <= last; l++) {
        const bf16_layer *layer = &tile->layers[l];
        row -= layer->overlap;
        if (row < 0)
            return 0;
        if (l < last)
            bf16_hidden(tile, l, row, weights);
        else
            bf16_last(net, tile, row, weights, ring_row(estimate, row));
        add_time(watch, time_of_layer(net, l));
        weights += bf16_layer_size(layer);
    }
    if (net->residual)
        add_to(ring_row(&tile->pixels, row + radius) + radius * tile->pixels.channels,
               estimate->width * estimate->channels, ring_row(estimate, row));
    return 1;
}

static void bf16_forward_tile(const network_shape *net, const float *packed,
                              const image_batch *batch, ptrdiff_t number,
                              float *scratch)
{
    const tile_place place = place_tile(batch, number);
    const outer_weights weights = find_outer_weights(net, packed);
    stopwatch watch = start_stopwatch(batch->seconds);
    bf16_tile tile;
    bf16_lay_out(net, place.height, place.width, &tile, scratch);
    for (int l = 0; l < net->n_layers; l++)
        memset(tile.maps[l].ring, 0,
               tile.maps[l].kept * tile.maps[l].stride * sizeof(uint16_t));
    for (int x = 0; x < tile.input.width; x++)
        tile.places[x] = mirror(place.left - whole_radius(net) + x, batch->width) *
                         batch->input_strides[2];

    begin_products();
    for (int arrived = 0, read = 0; arrived < tile.rows; arrived++) {
        read = bf16_make_pixels(net, &weights, batch, &place, &watch, &tile, read,
                                arrived);
        stack_rows(&tile, arrived, tile.input.channels);
        add_time(&watch, time_of_pixels(net));
        if (bf16_make_rows(net, packed + outer_weights_size(net), &watch, &tile,
                           arrived))
            advance_tail(net, &weights, batch, &place, &watch, 1, &tile.tail);
    }
    end_products();
}

#endif
