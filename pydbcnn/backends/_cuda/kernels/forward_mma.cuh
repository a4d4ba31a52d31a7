// All three layers of the paper in one kernel, on tensor cores:
//
//   F1 = max(0, W1 * Y + B1)   F2 = max(0, W2 * F1 + B2)   F = W3 * F2 + B3 (+ Y)
//
// No map leaves the processor, so that device memory is only read for Y and written for
// F. Read strip.cuh and fragments.cuh first.
//
// Each of the 4 warps of a block computes a row of 64 map pixels. The first layer is
// the product of patches, read from rows of Y as they lie in shared memory, and W1. Its
// sums lie in the very registers in which the second layer needs them as factors, so
// that F1 is never stored. F2 goes through shared memory, since the last layer also
// reads the pixels of other lanes.

template <class P, int C, int N1, int N2, int F1, int F3> struct ForwardMma {
    static constexpr int ROWS = 4; // one for each warp
    static constexpr int THREADS = 32 * ROWS;
    static constexpr int TILES = STRIP_MAPS / 16; // of 16 pixels, of a row
    using FirstPatch = Patch<P, F1, C>;
    static constexpr int WIDTH = STRIP_MAPS + F1 - 1; // of input rows
    static constexpr int INPUT_PITCH = WIDTH * C;
    static constexpr int RING = (ROWS + F1 - 1 + ROWS - 1) / ROWS * ROWS;
    static constexpr int MAP_WIDTH = STRIP_MAPS + F3 - 1;
    static constexpr int MAP_PITCH = N2 / P::VALUES + 4; // words; 4 more for the banks
    static constexpr int MAP_ROW = MAP_WIDTH * MAP_PITCH;
    static constexpr int COLUMNS = (F3 * C + 7) / 8 * 8; // kernel rows x channels
    static constexpr int PARTS_PITCH = STRIP_MAPS + 4;
    static constexpr int SUMS = (ROWS + F3 - 1) * (STRIP_MAPS - F3 + 1) * C;
    // Where in shared memory, in words, what lies: the strip, the offsets of patches,
    // the inputs, F2 and the ring of estimates. Each row of inputs lies there twice,
    // RING rows apart, so that the rows that a patch sees follow each other from
    // wherever in the ring it begins. The parts of the last layer (strip.cuh) take
    // the place of F2.
    static constexpr int OFFSETS = sizeof(Strip) / 4;
    static constexpr int INPUTS = OFFSETS + FirstPatch::STEPS * 8;
    static constexpr int MAPS = INPUTS + 2 * RING * INPUT_PITCH;
    static constexpr int SUMS_AT = MAPS + ROWS * MAP_ROW;
    static_assert((F1 - 1) % ROWS == 0, "inputs are loaded ROWS rows at a time");
    static_assert(N1 % 16 == 0 && N2 % 16 == 0, "pairs of 8 filters");
    static_assert(COLUMNS * PARTS_PITCH <= STRIP_MAPS * MAP_PITCH,
                  "parts fit into maps");
    static_assert(N2 % P::STEP == 0, "whole steps of a kernel column");
};

// Loads ROWS rows of Y into both of their places in the ring. A thread asks for all of
// its pixels before it waits for any of them.
template <class S, class P, int C, int F1, int F3>
__device__ void load_mma_rows(const Strip& strip, const Image& source, unsigned* inputs,
                              int first)
{
    constexpr int PIXELS = S::ROWS * S::WIDTH;
    constexpr int EACH = (PIXELS + S::THREADS - 1) / S::THREADS;
    const long long top = strip.top - F3 / 2 - F1 / 2 + first;
    const long long left = strip.left - F3 / 2 - F1 / 2;
    // As `threadIdx.x`, but it keeps no register from one call to the next.
    const int thread = 32 * warp_number() + lane_number();
    unsigned bits[EACH][C + 1]; // also the value behind a pixel, for words of two
    long long index[EACH], next[EACH];
#pragma unroll
    for (int i = 0; i < EACH; i++) {
        const int at = min(thread + i * S::THREADS, PIXELS - 1);
        const long long y = top + at / S::WIDTH, x = left + at % S::WIDTH;
        index[i] = pixel_index(source, strip.n, y, x);
        next[i] = P::VALUES == 1 ? -1 : pixel_index(source, strip.n, y, x + 1);
    }
#pragma unroll
    for (int i = 0; i < EACH; i++) {
#pragma unroll
        for (int c = 0; c < C; c++)
            bits[i][c] = load_bits(source, index[i] < 0 ? index[i] : index[i] + c);
        bits[i][C] = load_bits(source, next[i]);
    }
#pragma unroll
    for (int i = 0; i < EACH; i++) {
        const int at = thread + i * S::THREADS;
        if (at >= PIXELS)
            continue;
        const int row = (first + at / S::WIDTH) % S::RING;
        unsigned* place = inputs + row * S::INPUT_PITCH + at % S::WIDTH * C;
#pragma unroll
        for (int c = 0; c < C; c++) {
            const unsigned word =
                P::word(value_of(source, bits[i][c]), value_of(source, bits[i][c + 1]));
            place[c] = word;
            place[c + S::RING * S::INPUT_PITCH] = word;
        }
    }
}

// W1 * Y + B1 of a row: sums of 16 pixels x 8 filters for each tile of pixels
// and each 8 filters.
template <class S, class P, int C, int N1>
__device__ void first_layer_mma(const unsigned* inputs, const int2* offsets,
                                const uint4* weights, const float* biases,
                                float (&sum)[S::TILES][N1 / 8][4])
{
    const int lane = lane_number(), g = lane / 4, t = lane % 4;
#pragma unroll
    for (int tile = 0; tile < S::TILES; tile++)
        start_with<N1>(biases, sum[tile]);
    const unsigned* pixel = inputs + g * C;
    weights += lane;
#pragma unroll 1
    for (int step = 0; step < S::FirstPatch::STEPS; step++) {
        const int2 offset = offsets[step * 4 + t];
        unsigned a[S::TILES][4];
#pragma unroll
        for (int tile = 0; tile < S::TILES; tile++) {
            a[tile][0] = pixel[tile * 16 * C + offset.x];
            a[tile][1] = pixel[(tile * 16 + 8) * C + offset.x];
            a[tile][2] = pixel[tile * 16 * C + offset.y];
            a[tile][3] = pixel[(tile * 16 + 8) * C + offset.y];
        }
#pragma unroll
        for (int j = 0; j < N1 / 16; j++) {
            const uint4 b = load_weights(weights, N1 / 16, step, j);
#pragma unroll
            for (int tile = 0; tile < S::TILES; tile++) {
                P::multiply(sum[tile][2 * j], a[tile], b.x, b.y);
                P::multiply(sum[tile][2 * j + 1], a[tile], b.z, b.w);
            }
        }
    }
}

// W2 * F1 + B2 of one tile of pixels. `maps` are the sums of the first layer, which are
// rectified here.
template <class P, int N1, int N2>
__device__ void second_layer_mma(float (&maps)[N1 / 8][4], const uint4* weights,
                                 const float* biases, float (&sum)[N2 / 8][4])
{
    weights += lane_number();
    start_with<N2>(biases, sum);
#pragma unroll
    for (int step = 0; step < N1 / P::STEP; step++) {
        unsigned a[4];
        for (int i = 0; i < P::SUMS; i++)
            rectify(maps[step * P::SUMS + i]);
        P::take(a, maps + step * P::SUMS);
#pragma unroll
        for (int j = 0; j < N2 / 16; j++) {
            const uint4 b = load_weights(weights, N2 / 16, step, j);
            P::multiply(sum[2 * j], a, b.x, b.y);
            P::multiply(sum[2 * j + 1], a, b.z, b.w);
        }
    }
}

// Rectifies the sums of the second layer and stores them as words: F2 of one tile.
template <class S, class P, int N2>
__device__ void store_maps(unsigned* maps, int tile, float (&sum)[N2 / 8][4])
{
    const int lane = lane_number(), g = lane / 4, t = lane % 4;
    unsigned* pixel = maps + (tile * 16 + g) * S::MAP_PITCH;
    unsigned* below = pixel + 8 * S::MAP_PITCH;
#pragma unroll
    for (int j = 0; j < N2 / 8; j++) {
        rectify(sum[j]);
        if (P::VALUES == 2) {
            pixel[4 * j + t] = P::word(sum[j][0], sum[j][1]);
            below[4 * j + t] = P::word(sum[j][2], sum[j][3]);
        } else {
            for (int i = 0; i < 2; i++) {
                pixel[8 * j + 2 * t + i] = P::word(sum[j][i], 0.0f);
                below[8 * j + 2 * t + i] = P::word(sum[j][i + 2], 0.0f);
            }
        }
    }
}

// The parts of the last layer: the contribution of a row of F2 for each kernel row and
// channel. The sum runs over (kernel column, map).
template <class S, class P, int N2, int F3>
__device__ void last_layer_mma(const unsigned* maps, const uint2* weights,
                               float (&sum)[S::TILES][S::COLUMNS / 8][4])
{
    constexpr int TILES_ACROSS = S::COLUMNS / 8;
    constexpr int STEPS = N2 / P::STEP; // of a kernel column
    constexpr int HALF = P::STEP / P::VALUES / 2;
    const int lane = lane_number(), g = lane / 4, t = lane % 4;
    weights += lane;
#pragma unroll
    for (int tile = 0; tile < S::TILES; tile++)
        for (int j = 0; j < S::COLUMNS / 8; j++)
            for (int i = 0; i < 4; i++)
                sum[tile][j][i] = 0.0f;
#pragma unroll 1
    for (int kx = 0; kx < F3; kx++)
#pragma unroll
        for (int step = 0; step < STEPS; step++) {
            const unsigned* word =
                maps + (g + kx) * S::MAP_PITCH + step * 2 * HALF + t;
            unsigned a[S::TILES][4];
#pragma unroll
            for (int tile = 0; tile < S::TILES; tile++) {
                a[tile][0] = word[tile * 16 * S::MAP_PITCH];
                a[tile][1] = word[(tile * 16 + 8) * S::MAP_PITCH];
                a[tile][2] = word[tile * 16 * S::MAP_PITCH + HALF];
                a[tile][3] = word[(tile * 16 + 8) * S::MAP_PITCH + HALF];
            }
#pragma unroll
            for (int j = 0; j < TILES_ACROSS; j++) {
                const uint2 b =
                    load_weights(weights, TILES_ACROSS, kx * STEPS + step, j);
#pragma unroll
                for (int tile = 0; tile < S::TILES; tile++)
                    P::multiply(sum[tile][j], a[tile], b.x, b.y);
            }
        }
}

// Stores the parts where F2 was.
template <class S>
__device__ void store_parts(float* parts, float (&sum)[S::TILES][S::COLUMNS / 8][4])
{
    const int lane = lane_number(), g = lane / 4, t = lane % 4;
#pragma unroll
    for (int tile = 0; tile < S::TILES; tile++)
#pragma unroll
        for (int j = 0; j < S::COLUMNS / 8; j++)
#pragma unroll
            for (int i = 0; i < 4; i++) {
                const int part = 8 * j + 2 * t + i % 2;
                parts[part * S::PARTS_PITCH + tile * 16 + g + i / 2 * 8] =
                    sum[tile][j][i];
            }
}

// Computes the estimates of a region. Weights are in the order of `mma_weights`,
// packing.py.
template <class P, int C, int N1, int N2, int F1, int F3>
__global__ void __launch_bounds__(128, 2)
    forward_mma(Image source, Image out, Region region, const uint4* weights,
                const float* biases, long long segment_height, long long residual)
{
    using S = ForwardMma<P, C, N1, N2, F1, F3>;
    extern __shared__ float4 shared[];
    Strip& strip = *(Strip*)shared; // seldom read, so it takes no registers from sums
    int2* offsets = (int2*)((unsigned*)shared + S::OFFSETS);
    unsigned* inputs = (unsigned*)shared + S::INPUTS;
    unsigned* all_maps = (unsigned*)shared + S::MAPS;
    float* sums = (float*)shared + S::SUMS_AT;
    const uint4* weights2 = weights + S::FirstPatch::STEPS * N1 / 16 * 32;
    const uint2* weights3 = (const uint2*)(weights2 + N1 / P::STEP * N2 / 16 * 32);

    if (threadIdx.x == 0)
        strip = Strip(region, segment_height, STRIP_MAPS - F3 + 1);
    unsigned* maps = all_maps + warp_number() * S::MAP_ROW;
    for (int at = threadIdx.x; at < S::FirstPatch::STEPS * 4; at += S::THREADS) {
        const int k = at / 4 * P::STEP + at % 4 * P::VALUES;
        offsets[at] = make_int2(S::FirstPatch::offset(k, S::INPUT_PITCH),
                                S::FirstPatch::offset(k + P::STEP / 2, S::INPUT_PITCH));
    }
    // Beyond the strip, where kernels of no estimate reach.
    for (int at = threadIdx.x % 32; at < (F3 - 1) * S::MAP_PITCH; at += 32)
        maps[STRIP_MAPS * S::MAP_PITCH + at] = 0;
    __syncthreads();
#pragma unroll 1
    for (int y = 0; y < F1 - 1; y += S::ROWS)
        load_mma_rows<S, P, C, F1, F3>(strip, source, inputs, y);
#pragma unroll 1
    for (int first = 0; first < strip.height + F3 - 1; first += S::ROWS) {
        load_mma_rows<S, P, C, F1, F3>(strip, source, inputs, first + F1 - 1);
        __syncthreads();
        {
            float sum[S::TILES][N1 / 8][4];
            const int row = first % S::RING + warp_number();
            first_layer_mma<S, P, C, N1>(inputs + row * S::INPUT_PITCH, offsets,
                                         weights, biases, sum);
#pragma unroll
            for (int tile = 0; tile < S::TILES; tile++) {
                float sum2[N2 / 8][4];
                second_layer_mma<P, N1, N2>(sum[tile], weights2, biases + N1, sum2);
                store_maps<S, P, N2>(maps, tile, sum2);
                __syncwarp();
            }
        }
        {
            float sum[S::TILES][S::COLUMNS / 8][4];
            last_layer_mma<S, P, N2, F3>(maps, weights3, sum);
            __syncwarp();
            store_parts<S>((float*)maps, sum);
        }
        __syncthreads();
        add_rows<C, F3, S::ROWS, S::MAP_ROW, S::PARTS_PITCH>(
            strip, (float*)all_maps, sums, first, biases + N1 + N2, source, residual,
            out);
    }
}
