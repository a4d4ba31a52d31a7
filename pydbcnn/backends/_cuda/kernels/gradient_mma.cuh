// The gradient of all weights and biases of the three layers in one kernel, on tensor
// cores. With Y the input, D the deltas of the estimate, ' a transpose and [ ] what the
// rectifiers let through:
//
//   F1 = [W1 Y + B1]   F2 = [W2 F1 + B2]   D2 = [W3' D]   D1 = [W2' D2]
//   gradients: W1 of Y D1, W2 of F1 D2, W3 of F2 D, summed over all pixels of maps.
//
// Maps and their deltas are computed anew, for one tile of pixels at a time, and
// never leave the processor. The sums of the gradient stay in the registers of a
// block from its first tile to its last. Read fragments.cuh first, and strip.cuh for
// the names of sizes.

template <class P, int C, int N1, int N2, int F1, int F3> struct GradientMma {
    static constexpr int THREADS = 256;
    static constexpr int WARPS = THREADS / 32;
    static constexpr int WIDTH = 16; // of a tile of maps; it has a row for each warp
    static constexpr int PIXELS = WARPS * WIDTH;
    using FirstPatch = Patch<P, F1, C>;
    using LastPatch = Patch<P, F3, C>; // of deltas, from the last tap to the first
    static constexpr int INPUT_PITCH = (WIDTH + F1 - 1) * C;
    static constexpr int DELTA_PITCH = (WIDTH + F3 - 1) * C;
    static constexpr int PITCH1 = N1 + 8, PITCH2 = N2 + 8; // words; 8 for the banks
    // Where in shared memory, in words, what lies. D1 takes the place of F1.
    static constexpr int FIRST_OFFSETS = 0;
    static constexpr int LAST_OFFSETS = FIRST_OFFSETS + FirstPatch::STEPS * 8;
    static constexpr int INPUTS = LAST_OFFSETS + LastPatch::STEPS * 8;
    static constexpr int DELTAS = INPUTS + (WARPS + F1 - 1) * INPUT_PITCH;
    static constexpr int MAPS1 = (DELTAS + (WARPS + F3 - 1) * DELTA_PITCH + 3) / 4 * 4;
    static constexpr int MAPS2 = MAPS1 + PIXELS * PITCH1;
    static constexpr int DELTAS2 = MAPS2 + PIXELS * PITCH2;
    // How warps share the gradient, in tiles of 16 x 8 weights. A warp sums, of the
    // first layer (patch by N1), ROWS1 rows of tiles, and of each all columns or a
    // quarter; of the second (N1 by N2) two tiles of a row; and of the last (N2 by
    // patch) every fourth tile of a row.
    static constexpr int PATCH1 = F1 * F1 * C, PATCH3 = F3 * F3 * C;
    static constexpr int QUARTERS = PATCH1 > 16 * WARPS / 2 ? 1 : 4;
    static constexpr int COLUMNS1 = N1 / 8 / QUARTERS;
    static constexpr int ROWS1 =
        ((PATCH1 + 15) / 16 + WARPS / QUARTERS - 1) / (WARPS / QUARTERS);
    static constexpr int COLUMNS3 = ((PATCH3 + 7) / 8 + 3) / 4;
    static_assert(P::VALUES == 1, "deltas need the range of tf32");
    static_assert(N1 / 16 * (N2 / 8) == 2 * WARPS && N2 == 32, "as warps share tiles");
};

// The sums of a warp over all tiles of pixels that its block takes.
template <class S> struct Gradient {
    float weights1[S::ROWS1][S::COLUMNS1][4];
    float weights2[2][4];
    float weights3[S::COLUMNS3][4];
    // A thread has one column of these, over some of the pixels.
    float biases1, biases2, biases3;
};

template <class Array> __device__ void clear(Array& array)
{
    float* values = (float*)&array;
#pragma unroll
    for (int i = 0; i < sizeof(Array) / sizeof(float); i++)
        values[i] = 0.0f;
}

// A part of an image on its way to shared memory, where it lies as ROWS rows of PITCH
// words. A thread asks for all of its pixels before it waits for any of them.
template <class P, int C, int ROWS, int PITCH, int THREADS> struct Part {
    static constexpr int WIDTH = PITCH / C;
    static constexpr int EACH = (ROWS * WIDTH + THREADS - 1) / THREADS;
    unsigned bits[EACH][C];

    __device__ void ask(const Image& image, long long n, long long top, long long left)
    {
        // As `threadIdx.x`, but it keeps no register from one call to the next.
        const int thread = 32 * warp_number() + lane_number();
        long long index[EACH];
#pragma unroll
        for (int i = 0; i < EACH; i++) {
            const int at = min(thread + i * THREADS, ROWS * WIDTH - 1);
            index[i] = pixel_index(image, n, top + at / WIDTH, left + at % WIDTH);
        }
#pragma unroll
        for (int i = 0; i < EACH; i++)
#pragma unroll
            for (int c = 0; c < C; c++)
                bits[i][c] = load_bits(image, index[i] < 0 ? index[i] : index[i] + c);
    }

    __device__ void store(const Image& image, unsigned* words) const
    {
        const int thread = 32 * warp_number() + lane_number();
#pragma unroll
        for (int i = 0; i < EACH; i++) {
            const int at = thread + i * THREADS;
            if (at >= ROWS * WIDTH)
                continue;
#pragma unroll
            for (int c = 0; c < C; c++)
                words[at * C + c] = P::word(value_of(image, bits[i][c]), 0.0f);
        }
    }
};

// sum += (patches of 16 pixels) x weights, for N columns of weights.
template <class P, int STEPS, int C, int N>
__device__ void multiply_patch(const unsigned* pixel, const int2* offsets,
                               const uint4* weights, float (&sum)[N / 8][4])
{
    const int lane = lane_number();
    weights += lane;
    offsets += lane % 4;
    pixel += lane / 4 * C;
#pragma unroll 1
    for (int step = 0; step < STEPS; step++) {
        const int2 offset = offsets[step * 4];
        const unsigned a[4] = {pixel[offset.x], pixel[8 * C + offset.x],
                               pixel[offset.y], pixel[8 * C + offset.y]};
#pragma unroll
        for (int j = 0; j < N / 16; j++) {
            const uint4 b = load_weights(weights, N / 16, step, j);
            P::multiply(sum[2 * j], a, b.x, b.y);
            P::multiply(sum[2 * j + 1], a, b.z, b.w);
        }
    }
}

// sum += a x weights, where `a` holds 16 pixels x K values, in fragments.
template <class P, int K, int N>
__device__ void multiply_words(const unsigned (&a)[K / 8][4], const uint4* weights,
                               float (&sum)[N / 8][4])
{
    weights += lane_number();
#pragma unroll
    for (int step = 0; step < K / 8; step++)
#pragma unroll
        for (int j = 0; j < N / 16; j++) {
            const uint4 b = load_weights(weights, N / 16, step, j);
            P::multiply(sum[2 * j], a[step], b.x, b.y);
            P::multiply(sum[2 * j + 1], a[step], b.z, b.w);
        }
}

// Rectifies sums, and returns a bit for each of them: whether it was positive.
template <int N> __device__ unsigned rectify_all(float (&sum)[N / 8][4])
{
    static_assert(N <= 64, "32 values of a lane");
    unsigned positive = 0;
#pragma unroll
    for (int i = 0; i < N / 2; i++) {
        positive |= (unsigned)(sum[i / 4][i % 4] > 0.0f) << i;
        sum[i / 4][i % 4] = fmaxf(sum[i / 4][i % 4], 0.0f);
    }
    return positive;
}

// Keeps deltas where the maps were positive, and sets the others to zero.
template <int N> __device__ void let_through(unsigned positive, float (&sum)[N / 8][4])
{
#pragma unroll
    for (int i = 0; i < N / 2; i++)
        if (!(positive >> i & 1))
            sum[i / 4][i % 4] = 0.0f;
}

// Rounds sums to words, in registers as factors of the next product, and in shared
// memory with PITCH words a pixel.
template <class P, int N, int PITCH>
__device__ void store_words(const float (&sum)[N / 8][4], unsigned (&a)[N / 8][4],
                            unsigned* words)
{
    const int lane = lane_number();
    words += lane / 4 * PITCH + lane % 4 * 2;
#pragma unroll
    for (int j = 0; j < N / 8; j++) {
        P::take(a[j], &sum[j]);
        *(uint2*)(words + 8 * j) = make_uint2(a[j][0], a[j][2]);
        *(uint2*)(words + 8 * PITCH + 8 * j) = make_uint2(a[j][1], a[j][3]);
    }
}

// Adds to the gradient of the biases: a thread sums some pixels of one of N columns.
template <class S, int N, int PITCH>
__device__ void add_biases(const unsigned* deltas, float& sum)
{
    constexpr int PIXELS = S::PIXELS * N / S::THREADS;
    deltas += threadIdx.x / N * PIXELS * PITCH + threadIdx.x % N;
#pragma unroll 4
    for (int pixel = 0; pixel < PIXELS; pixel++)
        sum += __uint_as_float(deltas[pixel * PITCH]);
}

// The same for the last layer: a thread sums one row of the tile in one of C channels.
template <class S, int C, int F3>
__device__ void add_biases3(const unsigned* deltas, float& sum)
{
    if (threadIdx.x >= S::WARPS * C)
        return;
    deltas +=
        (threadIdx.x / C + F3 / 2) * S::DELTA_PITCH + F3 / 2 * C + threadIdx.x % C;
#pragma unroll 4
    for (int x = 0; x < S::WIDTH; x++)
        sum += __uint_as_float(deltas[x * C]);
}

// Adds F1' D2, the gradient of W2 (N1 by N2), over the pixels of a tile.
template <class S, class P, int N2>
__device__ void add_weights2(const unsigned* maps1, const unsigned* deltas2,
                             float (&sum)[2][4])
{
    const int lane = lane_number(), g = lane / 4, t = lane % 4;
    const int warp = warp_number();
    maps1 += t * S::PITCH1 + warp / 2 * 16 + g;
    deltas2 += t * S::PITCH2 + warp % 2 * 16 + g;
#pragma unroll 2
    for (int pixel = 0; pixel < S::PIXELS; pixel += 8) {
        const unsigned* map = maps1 + pixel * S::PITCH1;
        const unsigned a[4] = {map[0], map[8], map[4 * S::PITCH1],
                               map[4 * S::PITCH1 + 8]};
        for (int j = 0; j < 2; j++) {
            const unsigned* delta = deltas2 + pixel * S::PITCH2 + 8 * j;
            P::multiply(sum[j], a, delta[0], delta[4 * S::PITCH2]);
        }
    }
}

// Adds F2' D, the gradient of W3 (N2 by a patch of deltas).
template <class S, class P, int C, int F3>
__device__ void add_weights3(const unsigned* maps2, const unsigned* deltas,
                             float (&sum)[S::COLUMNS3][4])
{
    const int lane = lane_number(), g = lane / 4, t = lane % 4;
    const int warp = warp_number();
    maps2 += t * S::PITCH2 + warp % 2 * 16 + g;
    int offsets[S::COLUMNS3];
    for (int j = 0; j < S::COLUMNS3; j++)
        offsets[j] = S::LastPatch::offset((warp / 2 + 4 * j) * 8 + g, S::DELTA_PITCH);
#pragma unroll 2
    for (int pixel = 0; pixel < S::PIXELS; pixel += 8) {
        const unsigned* map = maps2 + pixel * S::PITCH2;
        const unsigned a[4] = {map[0], map[8], map[4 * S::PITCH2],
                               map[4 * S::PITCH2 + 8]};
        const unsigned* delta = deltas + pixel / S::WIDTH * S::DELTA_PITCH +
                                (pixel % S::WIDTH + t) * C;
        for (int j = 0; j < S::COLUMNS3; j++)
            P::multiply(sum[j], a, delta[offsets[j]], delta[4 * C + offsets[j]]);
    }
}

// Adds Y' D1, the gradient of W1 (a patch of inputs by N1).
template <class S, class P, int C, int F1>
__device__ void add_weights1(const unsigned* inputs, const unsigned* deltas1,
                             float (&sum)[S::ROWS1][S::COLUMNS1][4])
{
    const int lane = lane_number(), g = lane / 4, t = lane % 4;
    const int warp = warp_number();
    deltas1 += t * S::PITCH1 + warp % S::QUARTERS * S::COLUMNS1 * 8 + g;
    int offsets[S::ROWS1][2];
    for (int i = 0; i < S::ROWS1; i++)
        for (int half = 0; half < 2; half++)
            offsets[i][half] = S::FirstPatch::offset(
                (warp / S::QUARTERS * S::ROWS1 + i) * 16 + 8 * half + g,
                S::INPUT_PITCH);
#pragma unroll 1
    for (int pixel = 0; pixel < S::PIXELS; pixel += 8) {
        const unsigned* input = inputs + pixel / S::WIDTH * S::INPUT_PITCH +
                                (pixel % S::WIDTH + t) * C;
        const unsigned* delta = deltas1 + pixel * S::PITCH1;
        unsigned b[S::COLUMNS1][2];
#pragma unroll
        for (int j = 0; j < S::COLUMNS1; j++) {
            b[j][0] = delta[8 * j];
            b[j][1] = delta[8 * j + 4 * S::PITCH1];
        }
#pragma unroll
        for (int i = 0; i < S::ROWS1; i++) {
            const unsigned a[4] = {input[offsets[i][0]], input[offsets[i][1]],
                                   input[4 * C + offsets[i][0]],
                                   input[4 * C + offsets[i][1]]};
#pragma unroll
            for (int j = 0; j < S::COLUMNS1; j++)
                P::multiply(sum[i][j], a, b[j][0], b[j][1]);
        }
    }
}

// The sum of one of n columns over ROWS rows.
template <int ROWS> __device__ float column_sum(const float* rows, int n, int column)
{
    float sum = 0.0f;
    for (int row = 0; row < ROWS; row++)
        sum += rows[row * n + column];
    return sum;
}

// Writes the sums of a block in the order of the flat vector: for each layer
// HWIO weights, then biases.
template <class S, int C, int N1, int N2, int F3>
__device__ void store_gradient(Gradient<S>& gradient, float* shared,
                               float* out)
{
    const int lane = lane_number(), g = lane / 4, t = lane % 4;
    const int warp = warp_number();
    float* biases1 = out + S::PATCH1 * N1;
    float* weights2 = biases1 + N1;
    float* biases2 = weights2 + N1 * N2;
    float* weights3 = biases2 + N2;
    float* biases3 = weights3 + S::PATCH3 * N2;
#pragma unroll
    for (int i = 0; i < S::ROWS1; i++)
#pragma unroll
        for (int j = 0; j < S::COLUMNS1; j++)
            for (int k = 0; k < 4; k++) {
                const int row =
                    (warp / S::QUARTERS * S::ROWS1 + i) * 16 + g + k / 2 * 8;
                const int column =
                    (warp % S::QUARTERS * S::COLUMNS1 + j) * 8 + 2 * t + k % 2;
                if (row < S::PATCH1)
                    out[row * N1 + column] = gradient.weights1[i][j][k];
            }
    for (int j = 0; j < 2; j++)
        for (int k = 0; k < 4; k++) {
            const int row = warp / 2 * 16 + g + k / 2 * 8;
            weights2[row * N2 + warp % 2 * 16 + 8 * j + 2 * t + k % 2] =
                gradient.weights2[j][k];
        }
#pragma unroll
    for (int j = 0; j < S::COLUMNS3; j++)
        for (int k = 0; k < 4; k++) {
            const int input = warp % 2 * 16 + g + k / 2 * 8;
            const int column = (warp / 2 + 4 * j) * 8 + 2 * t + k % 2;
            // The patch of deltas runs from the last tap to the first.
            const int tap = F3 * F3 - 1 - column / C;
            if (column < S::PATCH3)
                weights3[(tap * N2 + input) * C + column % C] = gradient.weights3[j][k];
        }
    float* rows2 = shared + S::THREADS;
    float* rows3 = rows2 + S::THREADS;
    shared[threadIdx.x] = gradient.biases1;
    rows2[threadIdx.x] = gradient.biases2;
    rows3[threadIdx.x] = gradient.biases3;
    __syncthreads();
    if (threadIdx.x < N1)
        biases1[threadIdx.x] = column_sum<S::THREADS / N1>(shared, N1, threadIdx.x);
    if (threadIdx.x < N2)
        biases2[threadIdx.x] = column_sum<S::THREADS / N2>(rows2, N2, threadIdx.x);
    if (threadIdx.x < C)
        biases3[threadIdx.x] = column_sum<S::WARPS>(rows3, C, threadIdx.x);
}

// Computes a partial gradient for each block; `add_partials` adds them. The
// region is that of the maps: that of the deltas with a halo of F3 / 2
// pixels. It has `down` x `across` tiles for each image. Weights are in the
// order of `gradient_weights`, packing.py.
//
// Launch bounds of one block let a thread have all 255 registers, for the sums.
template <class P, int C, int N1, int N2, int F1, int F3>
__global__ void __launch_bounds__(256, 1)
    gradient_mma(Image source, Image delta, Region region, const uint4* weights,
                 const float* biases, long long down, long long across, float* partial)
{
    using S = GradientMma<P, C, N1, N2, F1, F3>;
    extern __shared__ float4 shared[];
    unsigned* words = (unsigned*)shared;
    int2* first_offsets = (int2*)(words + S::FIRST_OFFSETS);
    int2* last_offsets = (int2*)(words + S::LAST_OFFSETS);
    const uint4* weights2 = weights + S::FirstPatch::STEPS * N1 / 16 * 32;
    const uint4* weights3 = weights2 + N1 / 8 * N2 / 16 * 32;
    const uint4* turned2 = weights3 + S::LastPatch::STEPS * N2 / 16 * 32;

    for (int at = threadIdx.x; at < S::FirstPatch::STEPS * 4; at += S::THREADS) {
        const int k = at / 4 * 8 + at % 4;
        first_offsets[at] = make_int2(S::FirstPatch::offset(k, S::INPUT_PITCH),
                                      S::FirstPatch::offset(k + 4, S::INPUT_PITCH));
    }
    for (int at = threadIdx.x; at < S::LastPatch::STEPS * 4; at += S::THREADS) {
        const int k = at / 4 * 8 + at % 4;
        last_offsets[at] = make_int2(S::LastPatch::offset(k, S::DELTA_PITCH),
                                     S::LastPatch::offset(k + 4, S::DELTA_PITCH));
    }
    Gradient<S> gradient;
    clear(gradient);
#pragma unroll 1
    for (long long tile = blockIdx.x; tile < region.n * across * down;
         tile += gridDim.x) {
        const long long n = tile / across / down;
        const long long top = region.top + tile / across % down * S::WARPS;
        const long long left = region.left + tile % across * S::WIDTH;
        {
            Part<P, C, S::WARPS + F1 - 1, S::INPUT_PITCH, S::THREADS> inputs;
            Part<P, C, S::WARPS + F3 - 1, S::DELTA_PITCH, S::THREADS> deltas;
            inputs.ask(source, n, top - F1 / 2, left - F1 / 2);
            deltas.ask(delta, n, top - F3 / 2, left - F3 / 2);
            inputs.store(source, words + S::INPUTS);
            deltas.store(delta, words + S::DELTAS);
        }
        __syncthreads();

        unsigned positive1, positive2, a2[N2 / 8][4];
        {
            const int warp = warp_number();
            unsigned* maps1 = words + S::MAPS1 + warp * S::WIDTH * S::PITCH1;
            unsigned* maps2 = words + S::MAPS2 + warp * S::WIDTH * S::PITCH2;
            unsigned* deltas2 = words + S::DELTAS2 + warp * S::WIDTH * S::PITCH2;
            float sum2[N2 / 8][4];
            {
                float sum1[N1 / 8][4];
                unsigned a1[N1 / 8][4];
                start_with<N1>(biases, sum1);
                multiply_patch<P, S::FirstPatch::STEPS, C, N1>(
                    words + S::INPUTS + warp * S::INPUT_PITCH, first_offsets, weights,
                    sum1);
                positive1 = rectify_all<N1>(sum1);
                store_words<P, N1, S::PITCH1>(sum1, a1, maps1);
                start_with<N2>(biases + N1, sum2);
                multiply_words<P, N1, N2>(a1, weights2, sum2);
            }
            positive2 = rectify_all<N2>(sum2);
            store_words<P, N2, S::PITCH2>(sum2, a2, maps2);
            clear(sum2);
            multiply_patch<P, S::LastPatch::STEPS, C, N2>(
                words + S::DELTAS + warp * S::DELTA_PITCH, last_offsets, weights3,
                sum2);
            let_through<N2>(positive2, sum2);
            store_words<P, N2, S::PITCH2>(sum2, a2, deltas2);
        }
        __syncthreads();
        add_weights2<S, P, N2>(words + S::MAPS1, words + S::DELTAS2, gradient.weights2);
        add_biases<S, N2, S::PITCH2>(words + S::DELTAS2, gradient.biases2);
        add_biases3<S, C, F3>(words + S::DELTAS, gradient.biases3);
        add_weights3<S, P, C, F3>(words + S::MAPS2, words + S::DELTAS,
                                  gradient.weights3);
        __syncthreads();
        {
            float sum1[N1 / 8][4];
            unsigned a1[N1 / 8][4];
            clear(sum1);
            multiply_words<P, N2, N1>(a2, turned2, sum1);
            let_through<N1>(positive1, sum1);
            store_words<P, N1, S::PITCH1>(
                sum1, a1, words + S::MAPS1 + warp_number() * S::WIDTH * S::PITCH1);
        }
        __syncthreads();
        add_biases<S, N1, S::PITCH1>(words + S::MAPS1, gradient.biases1);
        add_weights1<S, P, C, F1>(words + S::INPUTS, words + S::MAPS1,
                                  gradient.weights1);
        __syncthreads();
    }
    constexpr int N_PARAMS =
        (S::PATCH1 + 1) * N1 + (N1 + 1) * N2 + (S::PATCH3 * N2 + C);
    store_gradient<S, C, N1, N2, F3>(gradient, (float*)(words + S::MAPS1),
                                     partial + blockIdx.x * (long long)N_PARAMS);
}
