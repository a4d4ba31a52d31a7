// All three layers of the paper in one kernel, in single precision:
//
//   F1 = max(0, W1 * Y + B1)   F2 = max(0, W2 * F1 + B2)   F = W3 * F2 + B3 (+ Y)
//
// The maps F1 and F2 stay in shared memory, so that device memory is only read for Y
// and written for F. Read strip.cuh first.
//
// A block makes two rows of 64 map pixels at a time. In the first layer, a thread sums
// 8 pixels x 8 filters in registers, in the second 8 x 4. In the last, it sums 4 pixels
// x all kernel rows over a quarter of the maps, and four threads add their sums.

template <int C, int N1, int N2, int F1, int F3> struct ForwardFloat32 {
    static constexpr int ROWS = 2;
    static constexpr int THREADS = 128;
    static constexpr int WIDTH = STRIP_MAPS + F1 - 1;       // of input rows
    static constexpr int INPUT_PITCH = (WIDTH + 3) / 4 * 4; // for loads of 4 floats
    static constexpr int INPUT_ROWS = ROWS + F1 - 1;
    static constexpr int MAP2_PITCH = STRIP_MAPS + 8;  // 8 more, for the banks
    static constexpr int PARTS = (F3 * C + 3) / 4 * 4; // kernel rows x channels
    static constexpr int RING = ROWS + F3 - 1;
    // Where in shared memory, in floats, what lies: the strip, the inputs, the ring of
    // estimates, and one place for F1 and later for F2 and the parts of the last layer.
    static constexpr int INPUTS = sizeof(Strip) / 4;
    static constexpr int SUMS = INPUTS + C * INPUT_ROWS * INPUT_PITCH;
    static constexpr int MAPS = SUMS + RING * (STRIP_MAPS - F3 + 1) * C;
    static constexpr int MAPS1 = ROWS * N1 * STRIP_MAPS;
    static constexpr int PARTS_AT = MAPS + ROWS * N2 * MAP2_PITCH;
    static_assert(MAPS % 4 == 0, "loads of 4 floats");
    static_assert(N1 == 64 && N2 == 32, "as the threads are laid out");
    static_assert(ROWS * (N2 * MAP2_PITCH + PARTS * STRIP_MAPS) <= MAPS1, "one place");
};

__device__ inline void load4(const float* from, float* to)
{
    const float4 values = *(const float4*)from;
    to[0] = values.x;
    to[1] = values.y;
    to[2] = values.z;
    to[3] = values.w;
}

__device__ inline void store4(const float* from, float* to)
{
    *(float4*)to = make_float4(from[0], from[1], from[2], from[3]);
}

// Loads one more row of Y into the ring of each channel.
template <class S, int C, int F1, int F3>
__device__ void load_float32_row(const Strip& strip, const Image& source, float* inputs,
                                 int row)
{
    const long long y = strip.top - F3 / 2 - F1 / 2 + row;
    const long long left = strip.left - F3 / 2 - F1 / 2;
#pragma unroll 1
    for (int x = threadIdx.x; x < S::WIDTH; x += S::THREADS) {
        const long long index = pixel_index(source, strip.n, y, left + x);
        for (int c = 0; c < C; c++)
            inputs[(c * S::INPUT_ROWS + row % S::INPUT_ROWS) * S::INPUT_PITCH + x] =
                read_value(source, index < 0 ? index : index + c);
    }
}

// W1 * Y + B1 in row `row` of the maps: 8 pixels x 8 filters of this thread.
template <class S, int C, int N1, int F1>
__device__ void first_layer(const float* inputs, const float* weights,
                            const float* biases, int row, int pixel, int filter,
                            float (&sum)[8][8])
{
    float bias[8];
    load4(biases + filter, bias);
    load4(biases + filter + 4, bias + 4);
    for (int p = 0; p < 8; p++)
        for (int o = 0; o < 8; o++)
            sum[p][o] = bias[o];
    for (int c = 0; c < C; c++) {
#pragma unroll 1
        for (int ky = 0; ky < F1; ky++) {
            const float* line =
                inputs +
                (c * S::INPUT_ROWS + (row + ky) % S::INPUT_ROWS) * S::INPUT_PITCH;
            float seen[8 + F1 + 3 & ~3];
#pragma unroll
            for (int x = 0; x < 8 + F1 - 1; x += 4)
                load4(line + pixel + x, seen + x);
#pragma unroll
            for (int kx = 0; kx < F1; kx++) {
                float weight[8];
                const float* tap = weights + ((ky * F1 + kx) * C + c) * N1 + filter;
                load4(tap, weight);
                load4(tap + 4, weight + 4);
#pragma unroll
                for (int p = 0; p < 8; p++)
#pragma unroll
                    for (int o = 0; o < 8; o++)
                        sum[p][o] = fmaf(seen[p + kx], weight[o], sum[p][o]);
            }
        }
    }
}

// W2 * F1 + B2: 8 pixels x 4 filters of this thread. Its pixels are 4 neighbours, and 4
// others 32 pixels further on: so threads side by side read neighbouring fours, which
// lie in different banks.
template <int N1, int N2>
__device__ void second_layer(const float* maps, const float* weights,
                             const float* biases, int pixel, int filter,
                             float (&sum)[4][8])
{
    float bias[4];
    load4(biases + filter, bias);
    for (int o = 0; o < 4; o++)
        for (int p = 0; p < 8; p++)
            sum[o][p] = bias[o];
#pragma unroll 2
    for (int i = 0; i < N1; i++) {
        float seen[8], weight[4];
        load4(maps + i * STRIP_MAPS + pixel, seen);
        load4(maps + i * STRIP_MAPS + pixel + 32, seen + 4);
        load4(weights + i * N2 + filter, weight);
#pragma unroll
        for (int o = 0; o < 4; o++)
#pragma unroll
            for (int p = 0; p < 8; p++)
                sum[o][p] = fmaf(seen[p], weight[o], sum[o][p]);
    }
}

// The parts of the last layer (strip.cuh) for 4 pixels of this thread,
// summed over every fourth map from `quarter` on. Weights are (kernel
// column, map, kernel row, channel).
template <class S, int N2, int F3>
__device__ void last_layer(const float* maps, const float* weights, int pixel,
                           int quarter, float (&sum)[S::PARTS][4])
{
    for (int o = 0; o < S::PARTS; o++)
        for (int p = 0; p < 4; p++)
            sum[o][p] = 0.0f;
#pragma unroll 1
    for (int i = quarter; i < N2; i += 4) {
        float seen[4 + F3 + 2 & ~3];
#pragma unroll
        for (int x = 0; x < 4 + F3 - 1; x += 4)
            load4(maps + i * S::MAP2_PITCH + pixel + x, seen + x);
#pragma unroll
        for (int kx = 0; kx < F3; kx++)
#pragma unroll
            for (int o = 0; o < S::PARTS; o += 4) {
                float weight[4];
                load4(weights + (kx * N2 + i) * S::PARTS + o, weight);
#pragma unroll
                for (int q = 0; q < 4; q++)
#pragma unroll
                    for (int p = 0; p < 4; p++)
                        sum[o + q][p] = fmaf(seen[p + kx], weight[q], sum[o + q][p]);
            }
    }
}

// Computes the estimates of a region. Weights and biases are in the order of
// `float32_weights`, packing.py.
template <int C, int N1, int N2, int F1, int F3>
__global__ void __launch_bounds__(128, 3)
    forward_float32(Image source, Image out, Region region, const float* weights,
                    long long segment_height, long long residual)
{
    using S = ForwardFloat32<C, N1, N2, F1, F3>;
    extern __shared__ float4 shared[];
    Strip& strip = *(Strip*)shared; // seldom read, so it takes no registers from sums
    float* inputs = (float*)shared + S::INPUTS;
    float* sums = (float*)shared + S::SUMS;
    float* maps = (float*)shared + S::MAPS;
    float* parts = (float*)shared + S::PARTS_AT;
    const float* weights2 = weights + F1 * F1 * C * N1;
    const float* weights3 = weights2 + N1 * N2;
    const float* biases = weights3 + F3 * N2 * S::PARTS;

    if (threadIdx.x == 0)
        strip = Strip(region, segment_height, STRIP_MAPS - F3 + 1);
    __syncthreads();
#pragma unroll 1
    for (int y = 0; y < F1 - 1; y++)
        load_float32_row<S, C, F1, F3>(strip, source, inputs, y);
#pragma unroll 1
    for (int first = 0; first < strip.height + F3 - 1; first += S::ROWS) {
        for (int y = first + F1 - 1; y < first + F1 - 1 + S::ROWS; y++)
            load_float32_row<S, C, F1, F3>(strip, source, inputs, y);
        __syncthreads();
        {
            const int lane = lane_number(), warp = warp_number(), row = warp / 2;
            const int pixel = lane % 8 * 8, filter = warp % 2 * 32 + lane / 8 * 8;
            float sum[8][8];
            first_layer<S, C, N1, F1>(inputs, weights, biases, first + row, pixel,
                                      filter, sum);
            for (int o = 0; o < 8; o++) {
                float map[8];
                for (int p = 0; p < 8; p++)
                    map[p] = fmaxf(sum[p][o], 0.0f);
                float* place = maps + (row * N1 + filter + o) * STRIP_MAPS + pixel;
                store4(map, place);
                store4(map + 4, place + 4);
            }
        }
        __syncthreads();
        {
            const int lane = lane_number(), warp = warp_number(), row = warp / 2;
            const int pixel = lane % 8 * 4, filter = warp % 2 * 16 + lane / 8 * 4;
            float sum[4][8];
            second_layer<N1, N2>(maps + row * N1 * STRIP_MAPS, weights2, biases + N1,
                                 pixel, filter, sum);
            // F2 takes the place of F1, which all threads have read.
            __syncthreads();
            for (int o = 0; o < 4; o++) {
                for (int p = 0; p < 8; p++)
                    sum[o][p] = fmaxf(sum[o][p], 0.0f);
                float* place = maps + (row * N2 + filter + o) * S::MAP2_PITCH + pixel;
                store4(sum[o], place);
                store4(sum[o] + 4, place + 32);
            }
            // The last layer reads up to 8 pixels beyond the strip, though only for
            // sums that no estimate uses.
            for (int at = threadIdx.x; at < S::ROWS * N2 * 8; at += S::THREADS)
                maps[at / 8 * S::MAP2_PITCH + STRIP_MAPS + at % 8] = 0.0f;
        }
        __syncthreads();
        {
            const int lane = lane_number(), warp = warp_number(), row = warp / 2;
            const int pixel = (warp % 2 * 8 + lane / 4) * 4, quarter = lane % 4;
            float sum[S::PARTS][4];
            last_layer<S, N2, F3>(maps + row * N2 * S::MAP2_PITCH, weights3, pixel,
                                  quarter, sum);
#pragma unroll
            for (int o = 0; o < S::PARTS; o++) {
                for (int p = 0; p < 4; p++) {
                    sum[o][p] += __shfl_xor_sync(~0u, sum[o][p], 1);
                    sum[o][p] += __shfl_xor_sync(~0u, sum[o][p], 2);
                }
                if (o % 4 == quarter)
                    store4(sum[o], parts + (row * S::PARTS + o) * STRIP_MAPS + pixel);
            }
        }
        __syncthreads();
        add_rows<C, F3, S::ROWS, S::PARTS * STRIP_MAPS, STRIP_MAPS>(
            strip, parts, sums, first, biases + N1 + N2, source, residual, out);
    }
}
