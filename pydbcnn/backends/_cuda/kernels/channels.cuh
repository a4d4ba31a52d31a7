// Outer layers: the filter in front of the three layers, w = Q * x, and the
// back-projections behind them, s <- s + P * (x - K * s). They are correlations of
// every channel with one and the same kernel, always in single precision. The gradient
// of such a kernel is here, too.

// Whether the correlation is written alone, added to the pixel of a base image, or
// subtracted from it.
enum Blend { ALONE, ADDED, SUBTRACTED };

// The tile of pixels that a block computes, and how many of its rows a thread has.
enum ChannelTile { TILE_WIDTH = 64, TILE_HEIGHT = 32, TILE_ROWS = 8 };

// The place of tile number `index`, if a region is cut into tiles of one channel of one
// image each.
struct ChannelPlace {
    long long n, top, left;
    int channel;

    __device__ ChannelPlace(const Region& region, int n_channels, long long index,
                            int height, int width)
    {
        const long long n_across = (region.width + width - 1) / width;
        const long long n_down = (region.height + height - 1) / height;
        channel = (int)(index % n_channels);
        index /= n_channels;
        left = region.left + index % n_across * width;
        index /= n_across;
        top = region.top + index % n_down * height;
        n = index / n_down;
    }
};

// Reads the pixels of a tile with its halo into shared memory, with all threads of a
// block.
__device__ inline void read_tile(float* pixels, const Image& in,
                                 const ChannelPlace& place, int radius, int rows,
                                 int width)
{
    for (int i = threadIdx.x; i < rows * width; i += blockDim.x)
        pixels[i] = read_pixel(in, place.n, place.top - radius + i / width,
                               place.left - radius + i % width, place.channel);
}

// Computes `in` * kernel for a region of `out`.
//
// A thread computes 8 rows of one column in each half of the tile. For each column
// of the kernel it walks down the pixels and the kernel at once and keeps the last
// 8 weights in registers, so that 16 products need only three reads of shared
// memory. Below the kernel lie zeros: they are the weights of pixels that a row of
// output does not see.
__global__ void __launch_bounds__(128)
    correlate_channels(Image in, Image base, Image out, Region region,
                       const float* kernel, long long kernel_size, long long blend)
{
    extern __shared__ float4 block_memory[];
    const int side = (int)kernel_size;
    const int steps = (side + 2 * TILE_ROWS - 2) / TILE_ROWS * TILE_ROWS;
    const int rows = TILE_HEIGHT - TILE_ROWS + steps;
    const int width = TILE_WIDTH + side - 1;
    float* pixels = (float*)block_memory;   // (rows, width)
    float* columns = pixels + rows * width; // the kernel as (column, row)
    const ChannelPlace place(region, out.channels, blockIdx.x, TILE_HEIGHT, TILE_WIDTH);

    for (int i = threadIdx.x; i < side * steps; i += blockDim.x)
        columns[i] = i % steps < side ? kernel[i % steps * side + i / steps] : 0.0f;
    read_tile(pixels, in, place, side / 2, rows, width);
    __syncthreads();

    const int column = threadIdx.x % 32;
    const int first = threadIdx.x / 32 * TILE_ROWS;
    float sum[2][TILE_ROWS] = {};
    for (int right = 0; right < side; right++) {
        float window[TILE_ROWS] = {}; // the last weights, as a ring
        for (int step = 0; step < steps; step += TILE_ROWS) {
#pragma unroll
            for (int i = 0; i < TILE_ROWS; i++) {
                const float* row = pixels + (first + step + i) * width + column + right;
                window[i] = columns[right * steps + step + i];
#pragma unroll
                for (int half = 0; half < 2; half++) {
                    const float value = row[32 * half];
#pragma unroll
                    for (int r = 0; r < TILE_ROWS; r++)
                        sum[half][r] += value * window[(i - r + TILE_ROWS) % TILE_ROWS];
                }
            }
        }
    }

    __syncthreads();
    float* sums = pixels; // (row, column) of the tile
#pragma unroll
    for (int half = 0; half < 2; half++)
#pragma unroll
        for (int r = 0; r < TILE_ROWS; r++)
            sums[(first + r) * TILE_WIDTH + column + 32 * half] = sum[half][r];
    __syncthreads();
    for (int i = threadIdx.x; i < TILE_HEIGHT * TILE_WIDTH; i += blockDim.x) {
        const long long y = place.top + i / TILE_WIDTH, x = place.left + i % TILE_WIDTH;
        if (y >= region.top + region.height || x >= region.left + region.width)
            continue;
        float value = sums[i];
        if (blend != ALONE) {
            const float other = read_pixel(base, place.n, y, x, place.channel);
            value = blend == ADDED ? other + value : other - value;
        }
        write_value(out, pixel_index(out, place.n, y, x) + place.channel, value);
    }
}

// The side of the tiles of deltas, and how many rows of the kernel a thread has.
enum GradientTile { DELTA_SIDE = 32, GRADIENT_ROWS = 8 };

// The gradient of a kernel of up to 32 x 32 weights: for each of them the sum, over all
// pixels and channels, of a delta times the pixel that the weight met.
//
// A thread has 8 rows of one column of the kernel, and every `n_slices`-th column of
// the deltas of a tile. It walks down these with the 8 pixels that they meet in
// registers. Each block takes every gridDim.x-th tile and leaves partial sums, (block,
// slice, row, column), which `add_partials` adds.
__global__ void __launch_bounds__(128)
    channels_gradient(Image in, Image delta, Region region, float* partials,
                      long long kernel_size, long long n_slices)
{
    extern __shared__ float4 block_memory[];
    const int side = (int)kernel_size;
    const int groups = (side + GRADIENT_ROWS - 1) / GRADIENT_ROWS;
    const int rows = DELTA_SIDE + groups * GRADIENT_ROWS - 1;
    const int width = DELTA_SIDE + side - 1;
    ChannelPlace& place = *(ChannelPlace*)block_memory;
    float* deltas = (float*)(&place + 1);
    float* pixels = deltas + DELTA_SIDE * DELTA_SIDE; // (rows, width)
    const int column = threadIdx.x % side;
    const int first = threadIdx.x / side % groups * GRADIENT_ROWS;
    const int slice = threadIdx.x / (side * groups);
    const long long n_tiles = region.n * ((region.height + DELTA_SIDE - 1) / DELTA_SIDE)
        * ((region.width + DELTA_SIDE - 1) / DELTA_SIDE) * in.channels;

    float sum[GRADIENT_ROWS] = {};
    for (long long tile = blockIdx.x; tile < n_tiles; tile += gridDim.x) {
        if (threadIdx.x == 0)
            place = ChannelPlace(region, in.channels, tile, DELTA_SIDE, DELTA_SIDE);
        __syncthreads();
        for (int i = threadIdx.x; i < DELTA_SIDE * DELTA_SIDE; i += blockDim.x) {
            const long long y = place.top + i / DELTA_SIDE;
            const long long x = place.left + i % DELTA_SIDE;
            const bool inside =
                y < region.top + region.height && x < region.left + region.width;
            deltas[i] = inside ? read_pixel(delta, place.n, y, x, place.channel) : 0.0f;
        }
        read_tile(pixels, in, place, side / 2, rows, width);
        __syncthreads();
        for (int x = slice; x < DELTA_SIDE && slice < n_slices; x += (int)n_slices) {
            const float* next = pixels + first * width + column + x;
            float window[GRADIENT_ROWS]; // the last pixels, as a ring
#pragma unroll
            for (int i = 0; i < GRADIENT_ROWS - 1; i++)
                window[i] = next[i * width];
            next += (GRADIENT_ROWS - 1) * width;
            for (int y = 0; y < DELTA_SIDE; y += GRADIENT_ROWS) {
#pragma unroll
                for (int i = 0; i < GRADIENT_ROWS; i++) {
                    window[(i + GRADIENT_ROWS - 1) % GRADIENT_ROWS] =
                        next[(y + i) * width];
                    const float value = deltas[(y + i) * DELTA_SIDE + x];
#pragma unroll
                    for (int r = 0; r < GRADIENT_ROWS; r++)
                        sum[r] += value * window[(i + r) % GRADIENT_ROWS];
                }
            }
        }
        __syncthreads();
    }

    if (slice >= n_slices)
        return;
    float* part = partials + (blockIdx.x * n_slices + slice) * side * side;
#pragma unroll
    for (int r = 0; r < GRADIENT_ROWS; r++)
        if (first + r < side)
            part[(first + r) * side + column] = sum[r];
}
