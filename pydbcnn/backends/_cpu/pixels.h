/* Pixels of images of any element type: reading them, mirrored at the border, as floats
 * in which the data range counts as 1, and writing the result in the same type. */
#ifndef PYDBCNN_PIXELS_H
#define PYDBCNN_PIXELS_H

#include "engine.h"
#include "vector.h"

#include <math.h>
#include <stdint.h>

/* The image of a tile, and the pixels of it that the tile computes. */
typedef struct {
    ptrdiff_t image;
    int top, left, height, width;
} tile_place;

INLINE tile_place place_tile(const image_batch *batch, ptrdiff_t tile)
{
    const ptrdiff_t per_image = (ptrdiff_t)batch->tiles_down * batch->tiles_across;
    const int number = (int)(tile % per_image);
    const int top =
        batch->first_row + number / batch->tiles_across * batch->tile_height;
    const int left = number % batch->tiles_across * batch->tile_width;
    return (tile_place){
        .image = tile / per_image, .top = top, .left = left,
        .height = smaller(batch->tile_height, batch->last_row - top),
        .width = smaller(batch->tile_width, batch->width - left),
    };
}

/* The position in the image that stands for position `at`, which may lie beyond it: the
 * image is mirrored without a repetition of its edge (reflect-101), again and again. */
static int mirror(int at, int size)
{
    if (size == 1)
        return 0;
    const int period = 2 * (size - 1);
    at %= period;
    if (at < 0)
        at += period;
    return at < size ? at : period - at;
}

#define READ_ROW(type)                                                                 \
    for (int x = 0; x < width; x++)                                                    \
        for (int c = 0; c < channels; c++)                                             \
            *to++ = (float)*(const type *)(row + columns[x] + c * strides[3]) * scale;

/* Reads `height` rows from `top` on, which may lie outside the image, of the pixels at
 * the byte offsets `columns`.  Rows begin `stride` floats from each other in
 * `first`. */
static void read_pixels(const image_batch *batch, ptrdiff_t image, int top, int height,
                        const ptrdiff_t *columns, int width, int channels,
                        ptrdiff_t stride, float *first)
{
    const ptrdiff_t *strides = batch->input_strides;
    const float scale = 1.0f / batch->data_range;
    for (int y = 0; y < height; y++) {
        float *to = first + y * stride;
        const char *row = batch->input + image * strides[0] +
                          mirror(top + y, batch->height) * strides[1];
        switch (batch->type) {
        case PIXEL_UINT8:
            READ_ROW(uint8_t)
            break;
        case PIXEL_UINT16:
            READ_ROW(uint16_t)
            break;
        case PIXEL_FLOAT32:
            READ_ROW(float)
            break;
        case PIXEL_FLOAT64:
            READ_ROW(double)
            break;
        }
    }
}
#undef READ_ROW

/* The integer of a value, as a float.  A NaN becomes 0, since C does not define what
 * its conversion to an integer is. */
static float round_and_clip(float value, float highest)
{
    value = rintf(value);
    return !(value > 0.0f) ? 0.0f : value < highest ? value : highest;
}

#define WRITE_ROW(type, convert)                                                       \
    for (int x = 0; x < width; x++)                                                    \
        for (int c = 0; c < channels; c++) {                                           \
            const float value = *from++ * batch->data_range;                           \
            *(type *)(row + x * strides[2] + c * strides[3]) = (type)convert;          \
        }

static void write_row(const image_batch *batch, ptrdiff_t image, int y, int left,
                      int width, int channels, const float *from)
{
    const ptrdiff_t *strides = batch->output_strides;
    char *row =
        batch->output + image * strides[0] + y * strides[1] + left * strides[2];
    switch (batch->type) {
    case PIXEL_UINT8:
        WRITE_ROW(uint8_t, round_and_clip(value, 255.0f))
        break;
    case PIXEL_UINT16:
        WRITE_ROW(uint16_t, round_and_clip(value, 65535.0f))
        break;
    case PIXEL_FLOAT32:
        WRITE_ROW(float, value)
        break;
    case PIXEL_FLOAT64:
        WRITE_ROW(double, value)
        break;
    }
}
#undef WRITE_ROW

#endif
