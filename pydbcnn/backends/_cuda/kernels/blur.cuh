// Gaussian blur with the results of OpenCV: the correlation with a kernel g g' is made
// of two passes, along rows into a buffer, then along its columns. It serves
// `GaussianBlurTransformer`, and is no part of a network.
//
// A thread computes several neighbours along the kernel together, so that a value that
// it reads from the tile in shared memory serves all of them.

enum Border { REFLECT101, REFLECT, REPLICATE, CONSTANT };

constexpr int BLUR_TAPS = 80; // weights of the kernel that one tile in memory serves

struct BlurRowTile {
    static constexpr int THREADS = 128;
    static constexpr int CHANNELS = 64; // at most
    static constexpr int PIXELS = 5; // of a thread; odd, so that lanes use all banks
};

struct BlurColumnTile {
    static constexpr int THREADS = 256;
    static constexpr int WIDTH = 32;
    static constexpr int PIXELS = 8; // of a thread
    static constexpr int WARPS = THREADS / WIDTH;
    static constexpr int HEIGHT = WARPS * PIXELS;
};

// The types of pixels, of the buffer between the passes (Row), of weights and of what
// they are multiplied with (Value), and of sums along columns. For integers the
// arithmetic is that of OpenCV: weights have 8 or 16 fractional bits and add up to 1,
// so that no sum overflows, and only the last one is rounded.
struct BlurUint8 {
    typedef unsigned char Pixel;
    typedef unsigned short Row;
    typedef unsigned Value;
    typedef unsigned Sum;
    __device__ static Pixel rounded(Sum sum) { return (sum + (1u << 15)) >> 16; }
};

struct BlurUint16 {
    typedef unsigned short Pixel;
    typedef unsigned Row;
    typedef unsigned Value;
    typedef unsigned long long Sum;
    __device__ static Pixel rounded(Sum sum) { return (sum + (1ull << 31)) >> 32; }
};

template <class Float> struct BlurFloat {
    typedef Float Pixel;
    typedef Float Row;
    typedef Float Value;
    typedef Float Sum;
    __device__ static Pixel rounded(Sum sum) { return sum; }
};

typedef BlurFloat<float> BlurFloat32;
typedef BlurFloat<double> BlurFloat64;

// The position along an axis of the pixel that stands for position `at`, which may lie
// beyond the border; -1 stands for a zero.
__device__ inline long long border_position(long long at, long long size,
                                            long long border)
{
    if (at >= 0 && at < size)
        return at;
    switch (border) {
    case REFLECT101: return mirror(at, size);
    case REFLECT:
        at = (at < 0 ? -1 - at : at) % (2 * size);
        return at < size ? at : 2 * size - 1 - at;
    case REPLICATE: return at < 0 ? 0 : size - 1;
    default: return -1;
    }
}

// Adds the products of n weights to N sums; each sum sees the values one step further
// on than the one before. These products are first summed apart: in a long kernel, sums
// of sums round less.
template <int N, class Value, class Sum>
__device__ void add_taps(const Value* values, int step, const Value* weights, int n,
                         Sum (&sums)[N])
{
    Sum parts[N] = {};
    Value seen[N];
#pragma unroll
    for (int i = 1; i < N; i++, values += step)
        seen[i] = *values;
#pragma unroll N
    for (int tap = 0; tap < n; tap++, values += step) {
        const Sum weight = weights[tap];
#pragma unroll
        for (int i = 1; i < N; i++)
            seen[i - 1] = seen[i];
        seen[N - 1] = *values;
#pragma unroll
        for (int i = 0; i < N; i++)
            parts[i] += weight * seen[i];
    }
#pragma unroll
    for (int i = 0; i < N; i++)
        sums[i] += parts[i];
}

// Loads up to BLUR_TAPS weights into shared memory.
template <class Value>
__device__ void load_weights(const Value* weights, int n, Value* taps)
{
    if (threadIdx.x < n)
        taps[threadIdx.x] = weights[threadIdx.x];
}

// Blurs the rows of a region into a buffer of its shape. A block computes some
// pixels of one row, in up to BlurRowTile::CHANNELS channels; blockIdx.y says
// in which of them.
template <class P>
__global__ void __launch_bounds__(BlurRowTile::THREADS)
    blur_rows(Image image, Region region, const typename P::Value* weights,
              long long n_taps, long long border, typename P::Row* rows)
{
    typedef BlurRowTile Tile;
    typedef typename P::Value Value;
    extern __shared__ double blur_row_memory[];
    Value* const taps = (Value*)blur_row_memory;
    Value* const tile = taps + BLUR_TAPS;

    const int first_channel = blockIdx.y * Tile::CHANNELS;
    const int channels = min(image.channels - first_channel, Tile::CHANNELS);
    const int groups = Tile::THREADS / min(image.channels, Tile::CHANNELS);
    const int width = groups * Tile::PIXELS;
    const int channel = threadIdx.x % channels;
    const int group = threadIdx.x / channels;
    const bool takes_part = group < groups;

    const long long across = (region.width + width - 1) / width;
    const long long row = blockIdx.x / across;
    const long long left = blockIdx.x % across * width;
    const typename P::Pixel* const source =
        (const typename P::Pixel*)image.data + first_channel + channel +
        (region.top + row) * image.width * image.channels;

    Value sums[Tile::PIXELS] = {};
    for (long long first = 0; first < n_taps; first += BLUR_TAPS) {
        const int n = min(n_taps - first, (long long)BLUR_TAPS);
        const long long begin = region.left + left + first - n_taps / 2;
        __syncthreads();
        load_weights(weights + first, n, taps);
        for (int i = group; takes_part && i < width + n - 1; i += groups) {
            const long long x = border_position(begin + i, image.width, border);
            tile[i * channels + channel] = x < 0 ? 0 : source[x * image.channels];
        }
        __syncthreads();
        if (takes_part)
            add_taps(tile + group * Tile::PIXELS * channels + channel, channels, taps,
                     n, sums);
    }

    // Sums go through shared memory, so that threads side by side write neighbours.
    __syncthreads();
    if (takes_part)
        for (int i = 0; i < Tile::PIXELS; i++)
            tile[(group * Tile::PIXELS + i) * channels + channel] = sums[i];
    __syncthreads();
    rows += (row * region.width + left) * image.channels + first_channel + channel;
    const int end = min(region.width - left, (long long)width);
    for (int i = group; takes_part && i < end; i += groups)
        rows[(long long)i * image.channels] = tile[i * channels + channel];
}

// Blurs the columns of what `blur_rows` made of the region `stored`, and writes a
// region of the image with the same columns. Mirrored rows beyond a border of the image
// are rows of `stored`, too.
template <class P>
__global__ void __launch_bounds__(BlurColumnTile::THREADS)
    blur_columns(const typename P::Row* rows, Region stored, Region region,
                 const typename P::Value* weights, long long n_taps, long long border,
                 Image out)
{
    typedef BlurColumnTile Tile;
    typedef typename P::Value Value;
    extern __shared__ double blur_column_memory[];
    Value* const taps = (Value*)blur_column_memory;
    Value* const tile = taps + BLUR_TAPS;

    const int lane = threadIdx.x % Tile::WIDTH, warp = threadIdx.x / Tile::WIDTH;
    const long long row_size = region.width * out.channels;
    const long long across = (row_size + Tile::WIDTH - 1) / Tile::WIDTH;
    const long long column = blockIdx.x % across * Tile::WIDTH + lane;
    const long long top = region.top + blockIdx.x / across * Tile::HEIGHT;
    const long long below = region.top + region.height - top;
    const int height = min(below, (long long)Tile::HEIGHT);
    const bool takes_part = column < row_size;

    typename P::Sum sums[Tile::PIXELS] = {};
    for (long long first = 0; first < n_taps; first += BLUR_TAPS) {
        const int n = min(n_taps - first, (long long)BLUR_TAPS);
        const long long begin = top + first - n_taps / 2;
        __syncthreads();
        load_weights(weights + first, n, taps);
        for (int i = warp; takes_part && i < height + n - 1; i += Tile::WARPS) {
            const long long y = border_position(begin + i, out.height, border);
            tile[i * Tile::WIDTH + lane] =
                y < 0 ? 0 : rows[(y - stored.top) * row_size + column];
        }
        __syncthreads();
        add_taps(tile + warp * Tile::PIXELS * Tile::WIDTH + lane, Tile::WIDTH, taps, n,
                 sums);
    }

    typename P::Pixel* const pixels =
        (typename P::Pixel*)out.data + region.left * out.channels + column;
    const int end = min(height - warp * Tile::PIXELS, Tile::PIXELS);
    for (int i = 0; takes_part && i < end; i++) {
        const long long y = top + warp * Tile::PIXELS + i;
        pixels[y * out.width * out.channels] = P::rounded(sums[i]);
    }
}
