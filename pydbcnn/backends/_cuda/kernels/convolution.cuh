// One layer of any size, such as F1 = max(0, W1 * Y + B1), with the variants of
// `Ending`. "Valid" correlation with weights (row, column, input, output) is the
// product of the matrix of all windows, (pixel) x (row, column, input), and the
// matrix of weights. The matrix of windows is never stored: blocks read pieces of
// it into shared memory.
//
// All images are single precision with a scale of 1, and zero outside their
// arrays. Read products.cuh first.

// What is done with a sum before it is written, see `ended`: nothing, the bias is
// added, the rectifier follows, an image is added to the biased sum, or a mask is
// applied. layers.py has the same numbers.
enum Ending { PLAIN, BIASED, RECTIFIED, RESIDUAL, MASKED };

// A pixel of a tile and its window, the pixels under the kernel: indices of the first
// channels of the window in `in` and of the pixel in `out` and `other`, and the row and
// column in the array where the window begins.
struct Window {
    long long first, out, other;
    int y, x;
};

const int FAR_OUTSIDE = -(1 << 30); // the row of windows that belong to no pixel

template <class T> struct ConvolveMemory {
    Factors<T> factors;
    Window windows[T::ROWS];
};

// The factors of the next step, left (windows) and right (weights), which wait in
// registers until shared memory is free. A tap is a position of the kernel together
// with an input. Threads side by side read taps side by side.
template <class P, class T> struct WindowLoader {
    static constexpr int STRIDE = T::THREADS / T::DEPTH;
    static constexpr int EACH = T::ROWS / STRIDE;
    float left[EACH], right[T::RIGHT_EACH];
    int kernel_size, n_products;
    Tap tap, step;

    __device__ WindowLoader(int kernel_size, int channels)
        : kernel_size(kernel_size), n_products(kernel_size * kernel_size * channels),
          tap(threadIdx.x % T::DEPTH, kernel_size, channels),
          step(T::DEPTH, kernel_size, channels)
    {
    }

    // Reads the taps from `first` on. To be called for 0, DEPTH, 2 DEPTH and so on.
    __device__ void read_windows(const Image& in, const Window* windows, int first)
    {
        const bool exists = first + (int)threadIdx.x % T::DEPTH < n_products;
        const float* tap_data = (const float*)in.data
            + (tap.row * in.width + tap.column) * in.channels + tap.channel;
#pragma unroll
        for (int i = 0; i < EACH; i++) {
            const Window& window = windows[threadIdx.x / T::DEPTH + i * STRIDE];
            const int y = window.y + tap.row, x = window.x + tap.column;
            const bool inside =
                exists && y >= 0 && y < in.height && x >= 0 && x < in.width;
            left[i] = inside ? tap_data[window.first] : 0.0f;
        }
        tap.advance(step, kernel_size, in.channels);
    }

    __device__ void read_weights(const float* weights, int first, int first_output,
                                 int n_outputs)
    {
#pragma unroll
        for (int i = 0; i < T::RIGHT_EACH; i++) {
            const int item = threadIdx.x + i * T::THREADS;
            const int row = first + item / T::COLUMNS;
            const int output = first_output + item % T::COLUMNS;
            const bool exists = row < n_products && output < n_outputs;
            right[i] = exists ? weights[(long long)row * n_outputs + output] : 0.0f;
        }
    }

    __device__ void store(Factors<T>& factors) const
    {
#pragma unroll
        for (int i = 0; i < EACH; i++)
            factors.left[threadIdx.x % T::DEPTH][threadIdx.x / T::DEPTH + i * STRIDE] =
                P::round(left[i]);
        factors.template store_right<P>(right);
    }
};

// Finds the windows of ROWS pixels, from number `first_pixel` of the region on.
template <class T>
__device__ inline void find_windows(Window* windows, const Region& region,
                                    long long first_pixel, const Image& in,
                                    const Image& out, const Image& other, int radius)
{
    for (int row = threadIdx.x; row < T::ROWS; row += T::THREADS) {
        Window& window = windows[row];
        window.y = FAR_OUTSIDE;
        if (first_pixel + row >= region.n * region.height * region.width)
            continue;
        Place at(region, first_pixel + row);
        window.out = index_at(out, at);
        window.other = index_at(other, at);
        at.y -= radius;
        at.x -= radius;
        window.first = index_at(in, at);
        window.y = (int)(at.y - in.top);
        window.x = (int)(at.x - in.left);
    }
}

// A sum as it is written.
__device__ inline float ended(float sum, int ending, float bias, const Image& other,
                              long long index)
{
    sum += bias;
    if (ending == RECTIFIED)
        return fmaxf(sum, 0.0f);
    if (ending < RESIDUAL)
        return sum;
    const float value = ((const float*)other.data)[index];
    if (ending == RESIDUAL)
        return sum + value;
    return value > 0.0f ? sum : 0.0f;
}

template <class T>
__device__ inline void write_sums(const Sums<T>& sums, const Window* windows,
                                  const Image& out, const Image& other,
                                  const float* bias, int ending, int first_output)
{
    const bool biased = ending != PLAIN && ending != MASKED;
    float more[T::EACH_ACROSS];
#pragma unroll
    for (int j = 0; j < T::EACH_ACROSS; j++) {
        const int output = first_output + T::column(j);
        more[j] = biased && output < out.channels ? bias[output] : 0.0f;
    }
#pragma unroll
    for (int i = 0; i < T::EACH_DOWN; i++) {
        const Window& window = windows[T::row(i)];
        if (window.y == FAR_OUTSIDE)
            continue;
        const long long to = window.out, from = window.other;
#pragma unroll
        for (int j = 0; j < T::EACH_ACROSS; j++) {
            const int output = first_output + T::column(j);
            if (output >= out.channels)
                continue;
            ((float*)out.data)[to + output] =
                ended(sums.sum[i][j], ending, more[j], other, from + output);
        }
    }
}

// A block computes ROWS pixels of the region, in COLUMNS of the outputs. `other` is
// what RESIDUAL adds, or where MASKED lets sums through: at its positive values.
//
// Launch bounds give a thread as many registers as 3 blocks on a processor leave it.
// With 4 blocks, some of its sums would spill to memory.
template <class P, int COLUMNS>
__global__ void __launch_bounds__(128, 3)
    convolve(Image in, Image out, Region region, const float* weights,
             const float* bias, Image other, long long kernel_size, long long ending)
{
    using T = Tile<COLUMNS>;
    extern __shared__ float4 block_memory[];
    auto& memory = *(ConvolveMemory<T>*)block_memory;
    const int n_column_tiles = (out.channels + COLUMNS - 1) / COLUMNS;
    const int first_output = (int)(blockIdx.x % n_column_tiles) * COLUMNS;
    const long long first_pixel = (long long)(blockIdx.x / n_column_tiles) * T::ROWS;
    find_windows<T>(memory.windows, region, first_pixel, in, out, other,
                    (int)kernel_size / 2);
    __syncthreads();

    WindowLoader<P, T> loader((int)kernel_size, in.channels);
    Sums<T> sums;
    loader.read_windows(in, memory.windows, 0);
    loader.read_weights(weights, 0, first_output, out.channels);
    for (int next = T::DEPTH; next < loader.n_products + T::DEPTH; next += T::DEPTH) {
        loader.store(memory.factors);
        __syncthreads();
        // The factors of the next step arrive while this one is computed.
        if (next < loader.n_products) {
            loader.read_windows(in, memory.windows, next);
            loader.read_weights(weights, next, first_output, out.channels);
        }
        sums.add(memory.factors);
        __syncthreads();
    }
    write_sums<T>(sums, memory.windows, out, other, bias, (int)ending, first_output);
}
