/* The engine as its callers see it: plain structures and one table of functions
 * per instruction set.  Every array is float32 unless it says otherwise; images are
 * batch first and channels last. */
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

typedef struct {
    int n_layers;
    int residual; /* add the input to the output of the last layer */
    int direct;   /* no layer is transformed: the reference of those that are */
    int filter;   /* side of the filter in front, odd; 1: none */
    int n_back_projections;
    int reblur, projection; /* sides of their kernels, odd */
    int combine;            /* a last layer combines input and estimate */
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
    int first_row, last_row; /* what to compute; the rest is context */
    /* Multiples of 4, as is first_row: then results do not depend on them. */
    int tile_height, tile_width;
    int tiles_down, tiles_across; /* tiles of one image */
    double *seconds; /* see time_of_layer; NULL: not measured */
} image_batch;

/* Patches with their context: each input is larger than its target by the radius
 * of the network on every side.  Blocks of a patch are what one thread works on. */
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
    /* Floats that the packed weights take, and packing them.  `backward` adds what
     * only the gradient needs. */
    size_t (*packed_size)(const network_shape *net, int backward);
    void (*pack)(const network_shape *net, const float *params, int backward,
                 float *packed);

    /* One tile of one image: all layers, fused. */
    size_t (*tile_scratch)(const network_shape *net, int tile_height, int tile_width);
    void (*forward_tile)(const network_shape *net, const float *packed,
                         const image_batch *batch, ptrdiff_t tile, float *scratch);

    /* Multiply-adds at the speed limit of the processor: returns how many operations
     * `rounds` rounds are.  `values` is room for two vectors, the first one set. */
    double (*peak_loop)(long rounds, float *values);
} forward_kernels;

typedef struct {
    const char *name;
    forward_kernels float32;
    forward_kernels bfloat16; /* NULL where the instruction set has no such products */

    /* One block of one patch: adds its gradient, in the packed layout, to
     * `gradient`, and returns its sum of squared errors. */
    size_t (*block_scratch)(const network_shape *net, int block_height,
                            int block_width);
    double (*block_gradient)(const network_shape *net, const float *packed,
                             const patch_batch *batch, ptrdiff_t block,
                             float *scratch, float *gradient);
    size_t (*gradient_size)(const network_shape *net);
    /* Sums `count` packed gradients in order, into the first one, and lays the sum out
     * like `params`. */
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

/* Asks Linux for the registers of AMX, as it wants once for a process before the first
 * use (Documentation/arch/x86/xstate.rst).  They are large: from then on, alternate
 * stacks of signal handlers must be, too.  So it is asked only when they are needed.
 * Returns whether it was granted. */
int pydbcnn_request_amx(void);

#endif
