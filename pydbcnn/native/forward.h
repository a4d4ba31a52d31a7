/* All layers of one tile in one pass, row by row.
 *
 * As soon as a layer has as many input rows as its kernel is high, it makes one row
 * of output; each map keeps only that many rows, in a ring.  So the maps stay in the
 * cache, and nothing is computed twice but the halo of the tile. */
#ifndef PYDBCNN_FORWARD_H
#define PYDBCNN_FORWARD_H

#include "convolution.h"
#include "layout.h"
#include "pixels.h"

enum { MAX_KERNEL = 15 };

/* A layer applied at one row: hidden layers rectify, the last one does not. */
INLINE void apply_layer(const network_shape *net, const packed_weights *weights, int l,
                        const float *const *rows, float *output, int width)
{
    const int kernel = net->layers[l].kernel, step = map_channels(net, l);
    if (l < net->n_layers - 1) {
        const row_task task = {
            .rows = rows, .n_rows = kernel, .depth = kernel * step, .step = step,
            .weights = weights->forward[l], .bias = weights->bias[l],
            .output = output, .filters = map_channels(net, l + 1), .width = width,
        };
        convolve_row(&task);
    } else {
        const dot_task task = {
            .rows = rows, .n_rows = kernel, .depth = kernel * step, .step = step,
            .weights = weights->forward[l], .bias = weights->bias[l],
            .output = output, .channels = map_channels(net, l + 1), .width = width,
        };
        dot_row(&task);
    }
}

/* Map `l` of a tile: its width, and a ring of the rows that layer `l` reads. */
typedef struct {
    float *ring;
    int width;
    int kept;
    int channels;
} tile_map;

INLINE float *ring_row(const tile_map *map, int row)
{
    return map->ring + (size_t)(row % map->kept) * map->width * map->channels;
}

/* The input is read whole; the last map is one row. */
INLINE size_t lay_out_tile(const network_shape *net, int height, int width,
                           tile_map *maps, float *scratch)
{
    float *free_space = scratch;
    for (int l = 0; l <= net->n_layers; l++) {
        const int halo = 2 * radius_from(net, l);
        maps[l].width = width + halo;
        maps[l].channels = map_channels(net, l);
        maps[l].kept = l == 0               ? height + halo
                       : l == net->n_layers ? 1
                                            : net->layers[l].kernel;
        maps[l].ring = take(&free_space,
                            (size_t)maps[l].kept * maps[l].width * maps[l].channels);
    }
    return free_space - scratch;
}

static size_t tile_scratch(const network_shape *net, int tile_height, int tile_width)
{
    tile_map maps[MAX_LAYERS + 1];
    const int columns = tile_width + 2 * radius_from(net, 0);
    return lay_out_tile(net, tile_height, tile_width, maps, NULL) +
           aligned_floats(columns * sizeof(ptrdiff_t) / sizeof(float));
}

INLINE void finish_row(const network_shape *net, const tile_map *maps, int row)
{
    const int radius = radius_from(net, 0), last = net->n_layers;
    if (!net->residual)
        return;
    const float *input = ring_row(&maps[0], row + radius) + radius * maps[0].channels;
    float *output = ring_row(&maps[last], row);
    for (int i = 0; i < maps[last].width * maps[last].channels; i++)
        output[i] += input[i];
}

static void forward_tile(const network_shape *net, const float *packed,
                         const image_batch *batch, ptrdiff_t tile, float *scratch)
{
    const int last = net->n_layers, radius = radius_from(net, 0);
    const ptrdiff_t per_image = (ptrdiff_t)batch->tiles_down * batch->tiles_across;
    const ptrdiff_t image = tile / per_image;
    const int top = batch->first_row +
                    (int)(tile % per_image) / batch->tiles_across * batch->tile_height;
    const int left = (int)(tile % per_image) % batch->tiles_across * batch->tile_width;
    const int height = smaller(batch->tile_height, batch->last_row - top);
    const int width = smaller(batch->tile_width, batch->width - left);
    const packed_weights weights = find_weights(net, packed);

    tile_map maps[MAX_LAYERS + 1];
    ptrdiff_t *columns = (ptrdiff_t *)(scratch + lay_out_tile(net, height, width, maps,
                                                              scratch));
    read_pixels(batch, image, top - radius, left - radius, maps[0].kept, maps[0].width,
                maps[0].channels, columns, maps[0].ring);

    for (int arrived = 0; arrived < maps[0].kept; arrived++) {
        int row = arrived, l = 0;
        for (; l < last && row >= net->layers[l].kernel - 1; l++) {
            const float *rows[MAX_KERNEL];
            row -= net->layers[l].kernel - 1;
            for (int k = 0; k < net->layers[l].kernel; k++)
                rows[k] = ring_row(&maps[l], row + k);
            apply_layer(net, &weights, l, rows, ring_row(&maps[l + 1], row),
                        maps[l + 1].width);
        }
        if (l < last)
            continue;
        finish_row(net, maps, row);
        write_row(batch, image, top + row, left, width, maps[last].channels,
                  maps[last].ring);
    }
}

#endif
