// Gradients of the weights and biases of a layer of any size: for each weight
// the sum over pixels of the value that it met times the delta. This is a
// product of matrices, the transposed matrix of all windows (convolution.cuh)
// times the deltas. A row of ones below the first matrix gives the gradient of
// the biases. Read products.cuh first.

// The factors of the next step: values of the maps (left) and deltas (right) at DEPTH
// pixels. A thread has the same rows of weights from its first step to its last, and
// all threads walk through the same pixels.
template <class P, class T> struct GradientLoader {
    static constexpr int EACH = T::ROWS / T::THREADS;
    float left[EACH][T::DEPTH], right[T::RIGHT_EACH];
    long long offset[EACH]; // of a tap from the first of its window; -1: no tap
    float instead[EACH];    // 1 in the row of ones, else 0
    long long x, y, index; // of the next pixel; the index is that of its first tap

    __device__ GradientLoader(const Image& maps, const Region& region, int kernel_size,
                              int first_row, long long pixel)
    {
        const int n_weights = kernel_size * kernel_size * maps.channels;
        for (int i = 0; i < EACH; i++) {
            const int row = first_row + threadIdx.x + i * T::THREADS;
            const Tap tap(row, kernel_size, maps.channels);
            offset[i] = row < n_weights
                ? (tap.row * maps.width + tap.column) * maps.channels + tap.channel
                : -1;
            instead[i] = row == n_weights ? 1.0f : 0.0f;
        }
        const Place place(region, pixel);
        x = place.x - region.left;
        y = place.y - region.top;
        const long long top = place.y - maps.top - kernel_size / 2;
        const long long side = place.x - maps.left - kernel_size / 2;
        index = ((place.n * maps.height + top) * maps.width + side) * maps.channels;
    }

    // Goes on to the next pixel of the region, without a division.
    __device__ void advance(const Image& maps, const Region& region)
    {
        index += maps.channels;
        if (++x < region.width)
            return;
        x = 0;
        index += (maps.width - region.width) * maps.channels;
        if (++y < region.height)
            return;
        y = 0;
        index += (maps.height - region.height) * maps.width * maps.channels;
    }

    // Deltas of pixels from `end` on count as zeros.
    __device__ void read(const Image& maps, const Image& delta, const Region& region,
                         int first_output, long long pixel, long long end)
    {
        const float* values = (const float*)maps.data;
#pragma unroll
        for (int depth = 0; depth < T::DEPTH; depth++) {
            const bool inside = pixel + depth < end;
#pragma unroll
            for (int i = 0; i < EACH; i++)
                left[i][depth] =
                    inside && offset[i] >= 0 ? values[index + offset[i]] : instead[i];
            advance(maps, region);
        }
#pragma unroll
        for (int i = 0; i < T::RIGHT_EACH; i++) {
            const int item = threadIdx.x + i * T::THREADS;
            const long long at = pixel + item / T::COLUMNS;
            const int output = first_output + item % T::COLUMNS;
            right[i] = item < T::RIGHT && at < end && output < delta.channels
                ? ((const float*)delta.data)[at * delta.channels + output]
                : 0.0f;
        }
    }

    __device__ void store(Factors<T>& factors) const
    {
#pragma unroll
        for (int depth = 0; depth < T::DEPTH; depth++)
#pragma unroll
            for (int i = 0; i < EACH; i++)
                factors.left[depth][threadIdx.x + i * T::THREADS] =
                    P::round(left[i][depth]);
        factors.template store_right<P>(right);
    }
};

// A block sums over one of `n_splits` parts of the region's pixels, for ROWS of the
// `n_rows` rows (all weights, and one more if there are biases) and COLUMNS outputs. It
// leaves partial sums, (split, row, output), which `add_partials` adds. Maps and deltas
// are in single precision. The deltas are those of the region and no others; the maps
// have all pixels that its windows see.
template <class P, int COLUMNS>
__global__ void __launch_bounds__(128, 3)
    weights_gradient(Image maps, Image delta, Region region, long long kernel_size,
                     long long n_rows, float* partials, long long n_splits)
{
    using T = Tile<COLUMNS>;
    extern __shared__ float4 block_memory[];
    auto& factors = *(Factors<T>*)block_memory;
    const int n_column_tiles = (delta.channels + COLUMNS - 1) / COLUMNS;
    const int split = (int)(blockIdx.x % n_splits);
    const int tile = (int)(blockIdx.x / n_splits);
    const int first_output = tile % n_column_tiles * COLUMNS;
    const int first_row = tile / n_column_tiles * T::ROWS;
    const long long n_pixels = region.n * region.height * region.width;
    const long long each = (n_pixels + n_splits - 1) / n_splits;
    const long long start = split * each;
    const long long end = start + each < n_pixels ? start + each : n_pixels;

    GradientLoader<P, T> loader(maps, region, (int)kernel_size, first_row, start);
    Sums<T> sums;
    if (start < end)
        loader.read(maps, delta, region, first_output, start, end);
    for (long long pixel = start; pixel < end; pixel += T::DEPTH) {
        loader.store(factors);
        __syncthreads();
        if (pixel + T::DEPTH < end)
            loader.read(maps, delta, region, first_output, pixel + T::DEPTH, end);
        sums.add(factors);
        __syncthreads();
    }

#pragma unroll
    for (int i = 0; i < T::EACH_DOWN; i++) {
        const int row = first_row + T::row(i);
#pragma unroll
        for (int j = 0; j < T::EACH_ACROSS; j++) {
            const int output = first_output + T::column(j);
            if (row < n_rows && output < delta.channels)
                partials[(split * n_rows + row) * delta.channels + output] =
                    sums.sum[i][j];
        }
    }
}

// Adds partial sums (n_parts, n) to a gradient, always in the same order. Each warp of
// a block takes every eighth part: one thread for all parts would wait for thousands of
// reads, one after the other.
__global__ void __launch_bounds__(256)
    add_partials(const float* partials, float* gradient, long long n, long long n_parts)
{
    constexpr int COLUMNS = 32, SHARES = 8;
    extern __shared__ float4 block_memory[];
    double* sums = (double*)block_memory; // (share, column)
    const int column = threadIdx.x % COLUMNS, share = threadIdx.x / COLUMNS;
    const long long at = (long long)blockIdx.x * COLUMNS + column;
    double sum = 0.0;
    if (at < n)
        for (long long part = share; part < n_parts; part += SHARES)
            sum += partials[part * n + at];
    sums[threadIdx.x] = sum;
    __syncthreads();
    if (share > 0 || at >= n)
        return;
    for (int other = 1; other < SHARES; other++)
        sum += sums[other * COLUMNS + column];
    gradient[at] += (float)sum;
}
