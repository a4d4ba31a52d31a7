/* Hidden layers with fewer multiplications: Winograd's algorithm F(4x4, 3x3), after
 * Lavin and Gray 2016.  Layers that use it are called transformed.  Read convolution.h
 * first.
 *
 * A kernel is cut into `blocks` x `blocks` blocks of 3x3 weights, with zeros beyond its
 * edge.  For a square of 4x4 outputs and one block, the 6x6 inputs d that the square
 * sees and the weights g of the block give
 *
 *     Y = A' [ (G g G') . (B' d B) ] A
 *
 * where `.` multiplies point by point and ' transposes.  That takes 36 multiplications
 * instead of 144.  Products are added over blocks and channels before A is applied, so
 * that A costs the same for any number of them.  For each pixel and filter, there are
 * 36 / 16 blocks^2 multiplications a channel (20.25 instead of 81 for 9x9), and
 * 100 / 16 = 6.25 operations of A.
 *
 * Between the transforms, each of the 36 points is a product of two matrices, (squares)
 * x (blocks, inputs) and (blocks, inputs) x (filters).  Its loop is that of
 * convolution.h, with squares in the place of pixels.
 *
 * Squares begin at multiples of 4 pixels in the map.  As tiles begin at multiples
 * of 4 in the image, all tilings have the same squares, and a result does not
 * depend on its tile. */
#ifndef PYDBCNN_WINOGRAD_H
#define PYDBCNN_WINOGRAD_H

#include "convolution.h"
#include "layout.h"

typedef struct {
    const float *const *rows; /* input rows that the squares see: 3 blocks + 3 */
    ptrdiff_t phase[4];       /* floats from a row's start to its pixel 0, 1, 2, 3 */
    ptrdiff_t square;         /* floats from a square to the next: 4 pixels on */
    int blocks;
    int inputs;
    const float *weights; /* transformed, see layout.h */
    const float *bias;
    float *const *outputs; /* SQUARE rows */
    int filters;           /* padded to whole vectors */
    int squares;
    float *scratch;
} winograd_task;

INLINE size_t winograd_scratch(int blocks, int inputs)
{
    return group_size(blocks, inputs) +
           (size_t)POINTS * (SQUARE + 1) * GROUP * VECTORS * LANES;
}

/* B' d: six inputs in a line become six points. */
INLINE void transform_inputs(const vec *d, vec *point)
{
    const vec even = d[4] - 4.0f * d[2], odd = d[3] - 4.0f * d[1];
    const vec even2 = d[4] - d[2], odd2 = 2.0f * (d[3] - d[1]);
    point[0] = 4.0f * d[0] - 5.0f * d[2] + d[4];
    point[1] = even + odd;
    point[2] = even - odd;
    point[3] = even2 + odd2;
    point[4] = even2 - odd2;
    point[5] = 4.0f * d[1] - 5.0f * d[3] + d[5];
}

/* A' m: six points in a line, `stride` floats from each other, become four outputs. */
INLINE void transform_outputs(const float *points, ptrdiff_t stride, vec *y)
{
    const vec m1 = load(points + stride), m2 = load(points + 2 * stride);
    const vec m3 = load(points + 3 * stride), m4 = load(points + 4 * stride);
    const vec sum = m1 + m2, difference = m1 - m2;
    const vec sum2 = m3 + m4, difference2 = m3 - m4;
    y[0] = load(points) + sum + sum2;
    y[1] = difference + 2.0f * difference2;
    y[2] = sum + 4.0f * sum2;
    y[3] = difference + 8.0f * difference2 + load(points + 5 * stride);
}

/* Transforms the inputs of a row of `blocks` blocks: those of one vector, whose lanes
 * are squares or inputs.  Blocks side by side share columns of inputs, so that half of
 * the transform is made once for all of them. */
INLINE void transform_row_of_blocks(const int blocks, const winograd_task *task,
                                    const float *const *rows, ptrdiff_t at, float *to,
                                    ptrdiff_t block_stride, ptrdiff_t point_stride)
{
    vec column[3 * MAX_BLOCKS + 3][POINTS]; /* B' d of each column of inputs */
#pragma GCC unroll 24
    for (int x = 0; x < 3 * blocks + 3; x++) {
        vec d[POINTS];
        const ptrdiff_t from = at + task->phase[x % 4] + x / 4 * task->square;
#pragma GCC unroll 8
        for (int y = 0; y < POINTS; y++)
            d[y] = load_any(rows[y] + from);
        transform_inputs(d, column[x]);
    }
#pragma GCC unroll 8
    for (int block = 0; block < blocks; block++)
        for (int y = 0; y < POINTS; y++) {
            vec d[POINTS], point[POINTS];
#pragma GCC unroll 8
            for (int x = 0; x < POINTS; x++)
                d[x] = column[3 * block + x][y];
            transform_inputs(d, point);
#pragma GCC unroll 8
            for (int x = 0; x < POINTS; x++)
                store(to + block * block_stride + (x * POINTS + y) * point_stride,
                      point[x]);
        }
}

/* Transforms the inputs of `count` squares to the layout
 * [point][block][square, input]. */
INLINE void transform_group(const int blocks, const winograd_task *task, int first,
                            int count, float *to)
{
    const ptrdiff_t stride = group_stride(task->inputs);
    const ptrdiff_t point_stride = stride * blocks * blocks;
    /* Vectors run over squares and inputs where the same pixel of all squares lies
     * together, as in map 0 with its phases.  In other maps, where it does not, the
     * inputs of a pixel are whole vectors. */
    const int contiguous = task->square == task->inputs;
    const int runs = contiguous ? 1 : count;
    const int length = contiguous ? count * task->inputs : task->inputs;
    for (int block = 0; block < blocks; block++, to += blocks * stride)
        for (int run = 0; run < runs; run++)
            for (int i = 0; i < length; i += LANES)
                transform_row_of_blocks(blocks, task, task->rows + 3 * block,
                                        (first + run) * task->square + i,
                                        to + run * length + i, stride, point_stride);
}

/* One block: the products of one point, of `squares` squares with `vectors` vectors of
 * filters, added over blocks (`planes`) and inputs.  Sums begin with the vectors at
 * `start`. */
INLINE void multiply_block(const int squares, const int vectors, const int inputs,
                           int planes, const float *values, ptrdiff_t plane_stride,
                           const float *weights, const float *start, float *products)
{
    vec sum[GROUP][VECTORS];
#pragma GCC unroll 16
    for (int s = 0; s < squares; s++)
#pragma GCC unroll 16
        for (int v = 0; v < vectors; v++)
            sum[s][v] = load(start + v * LANES);
    for (int plane = 0; plane < planes; plane++, values += plane_stride) {
        const float *in = values;
        for (int i = 0; i < inputs; i++, in++, weights += vectors * LANES) {
            vec weight[VECTORS];
#pragma GCC unroll 16
            for (int v = 0; v < vectors; v++)
                weight[v] = load(weights + v * LANES);
#pragma GCC unroll 16
            for (int s = 0; s < squares; s++) {
                const float value = in[s * inputs];
#pragma GCC unroll 16
                for (int v = 0; v < vectors; v++)
                    sum[s][v] += weight[v] * value;
            }
        }
    }
#pragma GCC unroll 16
    for (int s = 0; s < squares; s++)
#pragma GCC unroll 16
        for (int v = 0; v < vectors; v++)
            store(products + (s * vectors + v) * LANES, sum[s][v]);
}

/* Products of one column of points lie as [point of the column][square, vector], and
 * the results of the first half of the output transform as [column][output of the
 * column][square, vector]. */
enum { POINT_STEP = GROUP * VECTORS * LANES, COLUMN_STEP = SQUARE * POINT_STEP };

static const float no_start[VECTORS * LANES] __attribute__((aligned(64)));

/* The products of the points of column `x`.  The bias is added at point (1, 1) alone:
 * the output transform adds that point to each of the 16 outputs. */
INLINE void multiply_column(const int squares, const int vectors, const int inputs,
                            int x, int planes, const float *values,
                            const float *weights, const float *bias, float *products)
{
    const ptrdiff_t stride = group_stride(inputs);
    for (int y = 0; y < POINTS; y++)
        multiply_block(squares, vectors, inputs, planes, values + y * planes * stride,
                       stride, weights + y * planes * inputs * vectors * LANES,
                       x == 1 && y == 1 ? bias : no_start, products + y * POINT_STEP);
}

/* The first half of the output transform: six points of a column
 * become four outputs. */
INLINE void transform_column(int count, const float *products, float *column)
{
    for (int i = 0; i < count * LANES; i += LANES) {
        vec result[SQUARE];
        transform_outputs(products + i, POINT_STEP, result);
#pragma GCC unroll 8
        for (int y = 0; y < SQUARE; y++)
            store(column + y * POINT_STEP + i, result[y]);
    }
}

/* The second half, and the rectifier, for one square and one vector of filters. */
INLINE void finish_square(const float *columns, float *const *outputs, ptrdiff_t at,
                          ptrdiff_t pixel)
{
    for (int y = 0; y < SQUARE; y++) {
        vec result[SQUARE];
        float *to = outputs[y] + at;
        transform_outputs(columns + y * POINT_STEP, COLUMN_STEP, result);
#pragma GCC unroll 8
        for (int x = 0; x < SQUARE; x++)
            store(to + x * pixel, rectify(result[x]));
    }
}

/* The outputs of one group of squares for one block of filters. */
INLINE void multiply_and_finish(const int vectors, const int inputs,
                                const winograd_task *task, int first, int count,
                                const float *values, const float *weights, int filter,
                                float *products)
{
    const int planes = task->blocks * task->blocks;
    float *columns = products + POINTS * POINT_STEP;
    for (int x = 0; x < POINTS; x++) {
        WITH_BLOCK(count, GROUP,
                   multiply_column(block, vectors, inputs, x, planes, values, weights,
                                   task->bias + filter, products))
        transform_column(count * vectors, products, columns + x * COLUMN_STEP);
        values += POINTS * planes * group_stride(inputs);
        weights += POINTS * planes * inputs * vectors * LANES;
    }
    for (int s = 0; s < count; s++)
        for (int v = 0; v < vectors; v++)
            finish_square(columns + (s * vectors + v) * LANES, task->outputs,
                          (ptrdiff_t)(first + s) * SQUARE * task->filters + filter +
                              v * LANES,
                          task->filters);
}

INLINE void winograd_group(const int blocks, const int inputs,
                           const winograd_task *task, int first, int count)
{
    const int points = POINTS * POINTS;
    float *values = task->scratch;
    float *products = values + group_size(blocks, inputs);
    const float *weights = task->weights;
    transform_group(blocks, task, first, count, values);
    for (int filter = 0; filter < task->filters; filter += VECTORS * LANES) {
        if (task->filters - filter > LANES)
            multiply_and_finish(2, inputs, task, first, count, values, weights, filter,
                                products);
        else
            multiply_and_finish(1, inputs, task, first, count, values, weights, filter,
                                products);
        weights += (size_t)points * blocks * blocks * inputs * VECTORS * LANES;
    }
}

INLINE void winograd_groups(const int blocks, const int inputs,
                            const winograd_task *task)
{
    const int part = even_part(task->squares, GROUP);
    for (int first = 0; first < task->squares; first += part)
        winograd_group(blocks, inputs, task, first,
                       smaller(part, task->squares - first));
}

/* Computes SQUARE rows of a layer.  The cases are the usual ones: with constants the
 * loops over blocks are unrolled. */
static void winograd_rows(const winograd_task *task)
{
    if (task->blocks == 3 && task->inputs == 1)
        winograd_groups(3, 1, task);
    else if (task->blocks == 3 && task->inputs == 3)
        winograd_groups(3, 3, task);
    else if (task->blocks == 2)
        winograd_groups(2, task->inputs, task);
    else if (task->blocks == 1)
        winograd_groups(1, task->inputs, task);
    else
        winograd_groups(task->blocks, task->inputs, task);
}

#endif
