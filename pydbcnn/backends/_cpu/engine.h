/* The interface of the engine: plain structures, and one table of functions for each
 * instruction set.  Read this file first; docs/engine.rst explains the whole.
 *
 * Every array is float32 unless its comment says otherwise.  Images have the shape
 * (batch, height, width, channels). */
#ifndef PYDBCNN_ENGINE_H
#define PYDBCNN_ENGINE_H

#include <limits.h>
#include <stddef.h>

/* The largest networks that the engine takes.  Arrays of fixed size rely on these
 * numbers, and callers check networks against them: Python sees them as `limits` of
 * bindings.pyx. */
enum {
    MAX_LAYERS = 8,
    MAX_KERNEL = 15,         /* side of the kernel of a layer */
    MAX_CHANNELS = 16,       /* of the input image, and of the output */
    MAX_FILTERS = 4096,      /* of a hidden layer; see the assertion below */
    MAX_FILTER_SIZE = 41,    /* side of the filter in front of the layers */
    MAX_BACK_PROJECTIONS = 4,
    /* Side of the kernels of a back-projection: the loop of the filter applies them. */
    MAX_BACK_PROJECTION_SIZE = MAX_FILTER_SIZE,
};

/* No array depends on the number of filters, but the weights of one filter, kernel x
 * kernel x inputs, are counted in ints. */
_Static_assert((long long)MAX_KERNEL * MAX_KERNEL * MAX_FILTERS <= INT_MAX,
               "an int counts the weights of a filter");

/* Element types of the images that a tile reads and writes. */
typedef enum { PIXEL_UINT8, PIXEL_UINT16, PIXEL_FLOAT32, PIXEL_FLOAT64 } pixel_type;

typedef struct {
    int kernel;  /* side of the square kernel, odd */
    int inputs;  /* channels that it reads */
    int outputs; /* filters */
} layer_shape;

/* The layers of the paper, and the outer layers around them (outer_layers.h). */
typedef struct {
    int n_layers;
    int residual; /* whether the input is added to the output of the last layer */
    int direct;   /* whether no layer uses Winograd's algorithm (winograd.h) */
    int filter;   /* odd side of the filter in front of the layers; 1: none */
    int folded;   /* whether the filter is symmetric from left to right (filter.h) */
    int n_back_projections;
    int reblur, projection; /* odd sides of their kernels K and P */
    int combine; /* whether input and estimate are combined at the end */
    layer_shape layers[MAX_LAYERS];
} network_shape;

/* A batch of images of one size, read and written in place through byte strides
 * (image, row, column, channel), so that views need no copy. */
typedef struct {
    const char *input;
    char *output;
    ptrdiff_t input_strides[4];
    ptrdiff_t output_strides[4];
    pixel_type type;
    float data_range; /* pixel value that the network sees as 1 */
    int height, width;
    int first_row, last_row; /* rows to compute; the others are only read, as a halo */
    /* Multiples of 4, as first_row is: Winograd's squares then lie at the same pixels
     * in any tiling, so that the result does not depend on it. */
    int tile_height, tile_width;
    int tiles_down, tiles_across; /* tiles of one image */
    double *seconds; /* time of each stage, see time_of_layer; NULL: not measured */
} image_batch;

/* Patches for training, with their halo: each input is larger than its target by the
 * radius of the network on every side.  A thread computes one block of a patch at a
 * time. */
typedef struct {
    const float *inputs;  /* n, height + 2 radius, width + 2 radius, channels */
    const float *targets; /* n, height, width, channels */
    int height, width;
    int block_height, block_width;
    int blocks_down, blocks_across; /* blocks of one patch */
    float delta_scale;              /* 1 / number of target values */
} patch_batch;

/* The forward pass in one precision. */
typedef struct {
    /* The size of the packed weights in floats, and the function that packs them.  With
     * `backward`, they also hold what only the gradient reads. */
    size_t (*packed_size)(const network_shape *net, int backward);
    void (*pack)(const network_shape *net, const float *params, int backward,
                 float *packed);

    /* Computes all layers of one tile of one image.  `scratch` is memory of as many
     * floats as `tile_scratch` returns. */
    size_t (*tile_scratch)(const network_shape *net, int tile_height, int tile_width);
    void (*forward_tile)(const network_shape *net, const float *packed,
                         const image_batch *batch, ptrdiff_t tile, float *scratch);

    /* Runs `rounds` rounds of multiply-adds at the speed limit of the processor, for
     * benchmarks, and returns how many operations they are.  `values` has room for two
     * vectors, of which the first one is set. */
    double (*peak_loop)(long rounds, float *values);
} forward_kernels;

typedef struct {
    const char *name;
    forward_kernels float32;
    forward_kernels bfloat16; /* NULL where the instruction set has no such products */

    /* Adds the gradient of one block of one patch to `gradient`, which has the layout
     * of backward.h, and returns the sum of squared errors of the block. */
    size_t (*block_scratch)(const network_shape *net, int block_height,
                            int block_width);
    double (*block_gradient)(const network_shape *net, const float *packed,
                             const patch_batch *batch, ptrdiff_t block,
                             float *scratch, float *gradient);
    size_t (*gradient_size)(const network_shape *net);
    /* Adds `count` such gradients, `stride` floats apart, to the first of them, always
     * in the same order, and writes the sum to `result` in the order of `params`. */
    void (*reduce_gradient)(const network_shape *net, float *gradients, size_t stride,
                            int count, float *result);
} engine;

extern const engine pydbcnn_engine_baseline;
#ifdef PYDBCNN_X86
extern const engine pydbcnn_engine_avx2;
extern const engine pydbcnn_engine_avx512;
#ifdef PYDBCNN_BFLOAT16
extern const engine pydbcnn_engine_avx512_bf16;
extern const engine pydbcnn_engine_amx;
#endif
#endif

/* All engines of this build, the best last, ended by NULL. */
extern const engine *const pydbcnn_engines[];

/* Whether this processor and operating system can run an engine. */
int pydbcnn_engine_runs(const engine *candidate);

/* Asks Linux for the registers of AMX, which a process has to do before it first uses
 * them (Documentation/arch/x86/xstate.rst).  They are large: once they are granted, the
 * alternate stacks of signal handlers must have room for them, too.  So this is called
 * only when they are needed.  Returns whether they were granted. */
int pydbcnn_request_amx(void);

#endif
