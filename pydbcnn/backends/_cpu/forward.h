/* The forward pass of one tile in single precision: all layers are fused, so that the
 * maps between them stay in the cache.  Read maps.h and convolution.h first.
 *
 * A tile is read with its halo, the pixels around it that the network sees.  Then
 * its layers advance together, a few rows at a time: as soon as a layer has the rows
 * of input that it needs, it makes its next rows (SQUARE if it is transformed,
 * DOT_ROWS if it is the last of the three, 1 otherwise).  Each map is a ring of the
 * rows that are still needed.  Nothing is computed twice but what the halos of tiles
 * have in common. */
#ifndef PYDBCNN_FORWARD_H
#define PYDBCNN_FORWARD_H

#include "tail.h"
#include "convolution.h"
#include "layout.h"
#include "pixels.h"
#include "stopwatch.h"
#include "winograd.h"

enum {
    MAX_ROWS = 4, /* made at once: SQUARE or DOT_ROWS */
    /* Rows of input that these see: at most 3 blocks - 1 more, see `overlap`. */
    MAX_INPUT_ROWS = MAX_ROWS + 3 * MAX_BLOCKS - 1,
};
_Static_assert((int)SQUARE <= (int)MAX_ROWS && (int)DOT_ROWS <= (int)MAX_ROWS,
               "no layer makes more than MAX_ROWS rows at once");

/* The maps of a tile.  The blurred image is map 0 itself, unless it is filtered or the
 * tail needs it: then it has a map of its own, and map 0 is made of that, a few rows at
 * a time.  The last map of the layers is the first of the tail. */
typedef struct {
    tile_map input;    /* the blurred image */
    tile_map filtered; /* Q * x in the order of pixels; map 0 may have phases */
    tile_map maps[MAX_LAYERS + 1];
    tile_tail tail;
} tile_maps;

/* How many rows layer `l` makes at once. */
INLINE int rows_at_once(const network_shape *net, int l)
{
    return l == net->n_layers - 1 ? DOT_ROWS : is_transformed(net, l) ? SQUARE : 1;
}

/* The width of map `l + 1` is rounded up to a multiple of this. */
INLINE int columns_at_once(const network_shape *net, int l)
{
    return is_transformed(net, l) ? SQUARE : 1;
}

/* How many rows, and columns, of input layer `l` needs beyond those that it makes. */
INLINE int overlap(const network_shape *net, int l)
{
    const int kernel = net->layers[l].kernel;
    return is_transformed(net, l) ? 3 * blocks_across(kernel) - 1 : kernel - 1;
}

/* Takes memory for the blurred image and the filtered one, if they are not map 0. */
INLINE void lay_out_input(const network_shape *net, int keep, tile_maps *tile,
                          float **free_space)
{
    const tile_map *first = &tile->maps[0];
    tile->input = *first;
    if (!has_own_input(net))
        return;
    const int height = round_up(first->height, FILTER_ROWS), margin = net->filter - 1;
    tile->input = take_map(height + margin, first->width + margin, first->channels,
                           height + margin, free_space);
    tile->filtered = tile->input;
    if (net->filter > 1)
        tile->filtered = take_map(height, first->width, first->channels,
                                  keep ? height : FILTER_ROWS, free_space);
    tile->tail.input = &tile->input;
}

/* Takes memory for all maps and returns how many floats they need.  Sizes follow from
 * the last map to the first: a transformed layer makes whole squares, which may need
 * pixels beyond those that the tile asks for.  With `keep`, as training needs it, maps
 * keep all of their rows. */
INLINE size_t lay_out_tile(const network_shape *net, int height, int width, int keep,
                           tile_maps *tile, float *scratch)
{
    float *free_space = scratch;
    tile_map *maps = tile->maps;
    tile->tail = lay_out_tail(net, height, width, keep, DOT_ROWS, &free_space);
    maps[net->n_layers] = tile->tail.maps[0];
    for (int l = net->n_layers - 1; l >= 0; l--) {
        tile_map *map = &maps[l];
        const int arriving = l > 0 ? rows_at_once(net, l - 1)
                                   : has_own_input(net) ? FILTER_ROWS : 1;
        const int step = rows_at_once(net, l);
        map->height = round_up(maps[l + 1].height, step) + overlap(net, l);
        map->width = round_up(maps[l + 1].width, columns_at_once(net, l)) +
                     overlap(net, l);
        map->kept = step + overlap(net, l) + arriving - 1;
        map->phase_bits = 0;
        map->channels = map_channels(net, l);
        if (l == 0 || keep)
            map->kept = round_up(map->height, arriving);
        if (l == 0 && is_transformed(net, 0)) {
            map->phase_bits = 2;
            map->width = round_up(map->width, SQUARE);
        }
        /* Whole squares are written to a row, and vectors may be read
         * beyond its end. */
        map->stride = round_up(map->width, SQUARE) * (ptrdiff_t)map->channels;
        map->ring = take(&free_space, map->kept * map->stride + LANES);
    }
    lay_out_input(net, keep, tile, &free_space);
    return free_space - scratch;
}

/* Scratch memory that one layer after the other uses. */
INLINE size_t layer_scratch(const network_shape *net)
{
    size_t most = 0;
    for (int l = 0; l < net->n_layers; l++)
        if (is_transformed(net, l)) {
            const size_t size = winograd_scratch(blocks_across(net->layers[l].kernel),
                                                 map_channels(net, l));
            most = size > most ? size : most;
        }
    return aligned_floats(most);
}

static size_t tile_scratch(const network_shape *net, int tile_height, int tile_width)
{
    tile_maps tile;
    const size_t size = lay_out_tile(net, tile_height, tile_width, 0, &tile, NULL);
    return size + layer_scratch(net) +
           aligned_floats(tile.input.width * sizeof(ptrdiff_t) / sizeof(float));
}

/* One row of a hidden layer that is not transformed. */
INLINE void apply_hidden(const network_shape *net, const packed_weights *weights, int l,
                         const float *const *rows, float *output, int width)
{
    const int kernel = net->layers[l].kernel, step = map_channels(net, l);
    const row_task task = {
        .rows = rows, .n_rows = kernel, .depth = kernel * step, .step = step,
        .weights = weights->forward[l], .bias = weights->bias[l],
        .output = output, .filters = map_channels(net, l + 1), .width = width,
    };
    convolve_row(&task);
}

/* DOT_ROWS rows of the last layer. */
INLINE void apply_last(const network_shape *net, const packed_weights *weights,
                       const float *const *rows, float *const *outputs, int width)
{
    const int l = net->n_layers - 1;
    const dot_task task = {
        .rows = rows, .kernel = net->layers[l].kernel, .step = map_channels(net, l),
        .weights = weights->forward[l], .bias = weights->bias[l],
        .outputs = outputs, .channels = map_channels(net, l + 1), .width = width,
    };
    dot_rows(&task);
}

/* SQUARE rows of a transformed layer. */
INLINE void apply_transformed(const network_shape *net, const packed_weights *weights,
                              int l, const float *const *rows, const tile_map *map,
                              float *const *outputs, int width, float *scratch)
{
    const winograd_task task = {
        .rows = rows, .phase = {pixel_place(map, 0), pixel_place(map, 1),
                                pixel_place(map, 2), pixel_place(map, 3)},
        .square = pixel_place(map, SQUARE), .inputs = map->channels,
        .blocks = blocks_across(net->layers[l].kernel),
        .weights = weights->forward[l], .bias = weights->bias[l], .outputs = outputs,
        .filters = map_channels(net, l + 1), .squares = divide_up(width, SQUARE),
        .scratch = scratch,
    };
    winograd_rows(&task);
}

/* Makes the next rows of map `l + 1`, from row `row` on. */
INLINE void make_rows(const network_shape *net, const packed_weights *weights,
                      const tile_map *maps, int l, int row, float *scratch)
{
    const float *rows[MAX_INPUT_ROWS];
    float *outputs[MAX_ROWS];
    const int step = rows_at_once(net, l);
    for (int k = 0; k < step + overlap(net, l); k++)
        rows[k] = ring_row(&maps[l], row + k);
    for (int k = 0; k < step; k++)
        outputs[k] = ring_row(&maps[l + 1], row + k);
    if (l == net->n_layers - 1)
        apply_last(net, weights, rows, outputs, maps[l + 1].width);
    else if (is_transformed(net, l))
        apply_transformed(net, weights, l, rows, &maps[l], outputs, maps[l + 1].width,
                          scratch);
    else
        apply_hidden(net, weights, l, rows, outputs[0], maps[l + 1].width);
}

/* Makes FILTER_ROWS rows of map 0 from the blurred image, from row `row` on. */
INLINE void make_filtered(const network_shape *net, const packed_weights *weights,
                          const tile_maps *tile, int row)
{
    const float *rows[MAX_FILTER_ROWS];
    float *outputs[FILTER_ROWS];
    const tile_map *map = &tile->maps[0];
    for (int k = 0; k < net->filter + FILTER_ROWS - 1; k++)
        rows[k] = ring_row(&tile->input, row + k);
    for (int k = 0; k < FILTER_ROWS; k++)
        outputs[k] = ring_row(&tile->filtered, row + k);
    const filter_task task = {
        .rows = rows, .kernel = net->filter, .step = map->channels,
        .weights = weights->outer.filter, .outputs = outputs,
        .count = map->width * map->channels,
    };
    if (net->filter > 1)
        apply_filter(net, &task);
    for (int k = 0; k < FILTER_ROWS; k++) {
        float *to = ring_row(map, row + k);
        for (int x = 0; x < map->width; x++)
            for (int c = 0; c < map->channels; c++)
                to[pixel_place(map, x) + c] = outputs[k][x * map->channels + c];
    }
}

INLINE void make_map0(const network_shape *net, const packed_weights *weights,
                      const tile_maps *tile)
{
    if (has_own_input(net))
        for (int row = 0; row < tile->maps[0].height; row += FILTER_ROWS)
            make_filtered(net, weights, tile, row);
}

/* Finds the byte offset in the image of each column of the tile: those beyond the
 * border are mirrored.  They are in the order in which the map has its pixels. */
INLINE void find_columns(const image_batch *batch, const tile_map *map, int left,
                         ptrdiff_t *columns)
{
    for (int x = 0; x < map->width; x++)
        columns[pixel_place(map, x) / map->channels] =
            mirror(left + x, batch->width) * batch->input_strides[2];
}

/* Adds the input of the layers to `count` rows of their output, if the network is
 * residual. */
INLINE void add_input(const network_shape *net, const tile_map *maps, int row,
                      int count)
{
    const int radius = radius_of_layers(net, 0);
    const tile_map *first = &maps[0], *estimate = &maps[net->n_layers];
    for (; net->residual && count > 0; row++, count--) {
        const float *input = ring_row(first, row + radius);
        float *output = ring_row(estimate, row);
        for (int x = 0; x < estimate->width; x++)
            for (int c = 0; c < estimate->channels; c++)
                *output++ += input[pixel_place(first, x + radius) + c];
    }
}

static void forward_tile(const network_shape *net, const float *packed,
                         const image_batch *batch, ptrdiff_t number, float *scratch)
{
    const int last = net->n_layers, radius = whole_radius(net);
    const tile_place place = place_tile(batch, number);
    const packed_weights weights = find_weights(net, packed);
    stopwatch watch = start_stopwatch(batch->seconds);

    tile_maps tile;
    const tile_map *maps = tile.maps, *input = &tile.input;
    float *for_layers = scratch + lay_out_tile(net, place.height, place.width, 0,
                                               &tile, scratch);
    ptrdiff_t *columns = (ptrdiff_t *)(for_layers + layer_scratch(net));
    find_columns(batch, input, place.left - radius, columns);
    read_pixels(batch, place.image, place.top - radius, input->height, columns,
                input->width, input->channels, input->stride, input->ring);
    add_time(&watch, time_of_pixels(net));
    make_map0(net, &weights, &tile);
    add_time(&watch, 0);

    int made[MAX_LAYERS + 1] = {maps[0].height};
    while (tile.tail.finished < place.height) {
        /* The last layer that has its input goes on, so that rings stay short. */
        int l = last - 1;
        while (made[l] < made[l + 1] + rows_at_once(net, l) + overlap(net, l))
            l--;
        make_rows(net, &weights, maps, l, made[l + 1], for_layers);
        if (l == last - 1)
            add_input(net, maps, made[last], DOT_ROWS);
        made[l + 1] += rows_at_once(net, l);
        add_time(&watch, time_of_layer(net, l));
        if (l == last - 1)
            advance_tail(net, &weights.outer, batch, &place, &watch, DOT_ROWS,
                         &tile.tail);
    }
}

#endif
