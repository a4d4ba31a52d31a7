/* Maps of a tile in memory: all rows of them, or a ring of those that are still needed.
 * A map is what lies between layers: the image, the rectified output of a hidden layer,
 * or an estimate. */
#ifndef PYDBCNN_MAPS_H
#define PYDBCNN_MAPS_H

#include "filter.h"

/* In a ring, row y lies in the place of row y - `kept`, which no layer needs any
 * more. */
typedef struct {
    float *ring;
    int height, width; /* pixels of the map that the tile needs */
    int kept;          /* rows in memory */
    int channels;
    ptrdiff_t stride; /* floats from a row to the next */
    int phase_bits;   /* 2: a row has pixels 0, 4, 8, ..., then 1, 5, 9, ... */
} tile_map;

INLINE float *ring_row(const tile_map *map, int row)
{
    return map->ring + row % map->kept * map->stride;
}

/* Where pixel `x` lies in a row.  A phase is the pixels with the same x modulo 4. */
INLINE ptrdiff_t pixel_place(const tile_map *map, int x)
{
    const int phase = x & ((1 << map->phase_bits) - 1);
    return (ptrdiff_t)(phase * (map->width >> map->phase_bits) +
                       (x >> map->phase_bits)) * map->channels;
}

/* The stride of rows that filter.h may read and write in whole vectors: there is room
 * behind the last pixel. */
INLINE ptrdiff_t filtered_stride(int width, int channels)
{
    return round_up(width * channels, LANES) + FILTER_FLOATS;
}

/* A map whose pixels lie in order, for filter.h. */
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
