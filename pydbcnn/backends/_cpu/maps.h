/* Maps of a tile, whole or as a ring of rows. */
#ifndef PYDBCNN_MAPS_H
#define PYDBCNN_MAPS_H

#include "filter.h"

/* Map `l` of a tile: the pixels that are needed of it, and a ring of the rows that
 * layer `l` reads. */
typedef struct {
    float *ring;
    int height, width;
    int kept;
    int channels;
    ptrdiff_t stride; /* floats of a row */
    int phase_bits;   /* 2: a row holds pixels 0, 4, 8, ..., then 1, 5, 9, ... */
} tile_map;

INLINE float *ring_row(const tile_map *map, int row)
{
    return map->ring + row % map->kept * map->stride;
}

/* Where pixel `x` lies in a row. */
INLINE ptrdiff_t pixel_place(const tile_map *map, int x)
{
    const int phase = x & ((1 << map->phase_bits) - 1);
    return (ptrdiff_t)(phase * (map->width >> map->phase_bits) +
                       (x >> map->phase_bits)) * map->channels;
}

/* Floats of a row that a filter may read and write in whole vectors. */
INLINE ptrdiff_t filtered_stride(int width, int channels)
{
    return round_up(width * channels, LANES) + FILTER_FLOATS;
}

INLINE tile_map take_map(int height, int width, int channels, int kept,
                         float **free_space)
{
    const ptrdiff_t stride = filtered_stride(width, channels);
    return (tile_map){
        .ring = take(free_space, kept * stride), .height = height, .width = width,
        .kept = kept, .channels = channels, .stride = stride,
    };
}

#endif
