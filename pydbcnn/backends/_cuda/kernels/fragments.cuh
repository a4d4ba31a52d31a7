// Fragments: how the values of a matrix lie in the registers of the 32 lanes of a warp
// when tensor cores multiply it, in either precision. Read ptx.cuh first.
//
// A word is what a register holds: one tf32 value, or two bfloat16 values. With g =
// lane / 4 and t = lane % 4, a lane holds values of rows g and g + 8 of a left factor
// and of column g of a right one; t says which values.

// Floats as they are, for kernels that multiply without tensor cores.
struct Float32Words {
    using Word = float;
    static constexpr int VALUES = 1;
    __device__ static float word(float value, float) { return value; }
};

struct Tf32Fragments {
    using Word = unsigned;
    static constexpr int VALUES = 1; // in a word
    static constexpr int STEP = 8;   // of the index that products are summed over

    // A word of a value and, where it holds two, its neighbour.
    __device__ static unsigned word(float value, float) { return round_tf32(value); }

    // sum += a b for a of 16 x STEP and b of STEP x 8 values.
    __device__ static void multiply(float (&sum)[4], const unsigned (&a)[4],
                                    unsigned b0, unsigned b1)
    {
        mma_tf32(sum, a, b0, b1);
    }

    // Sums of 16 x 8 values as a factor `a` of the next product, in the same registers.
    // One tile of sums is a whole step. A lane has columns 2 t and 2 t + 1 of it, but
    // as a factor it holds the indices t and t + 4: so index t means column 2 t, and
    // index t + 4 column 2 t + 1, and packing.py puts the rows of b in the same order.
    static constexpr int SUMS = 1;
    __device__ static void take(unsigned (&a)[4], const float (*sums)[4])
    {
        a[0] = round_tf32(sums[0][0]);
        a[1] = round_tf32(sums[0][2]);
        a[2] = round_tf32(sums[0][1]);
        a[3] = round_tf32(sums[0][3]);
    }
};

struct Bfloat16Fragments {
    using Word = unsigned;
    static constexpr int VALUES = 2;
    static constexpr int STEP = 16;

    __device__ static unsigned word(float value, float next)
    {
        return pack_bfloat16(value, next);
    }

    __device__ static void multiply(float (&sum)[4], const unsigned (&a)[4],
                                    unsigned b0, unsigned b1)
    {
        mma_bfloat16(sum, a, b0, b1);
    }

    // Two tiles of sums are a step, and the columns of a lane are its indices.
    static constexpr int SUMS = 2;
    __device__ static void take(unsigned (&a)[4], const float (*sums)[4])
    {
        a[0] = pack_bfloat16(sums[0][0], sums[0][1]);
        a[1] = pack_bfloat16(sums[0][2], sums[0][3]);
        a[2] = pack_bfloat16(sums[1][0], sums[1][1]);
        a[3] = pack_bfloat16(sums[1][2], sums[1][3]);
    }
};

__device__ inline void rectify(float (&sum)[4])
{
    for (int i = 0; i < 4; i++)
        sum[i] = fmaxf(sum[i], 0.0f);
}

// Sets the sums of N columns to their biases.
template <int N> __device__ void start_with(const float* biases, float (&sum)[N / 8][4])
{
    const int t = lane_number() % 4;
#pragma unroll
    for (int j = 0; j < N / 8; j++) {
        const float2 bias = __ldg((const float2*)(biases + 8 * j) + t);
        sum[j][0] = sum[j][2] = bias.x;
        sum[j][1] = sum[j][3] = bias.y;
    }
}

// Loads the words b0 and b1 of a lane for one tile of 8 columns (uint2), or for two
// tiles (uint4). Weights lie as (step, group of columns, lane), so that the lanes of a
// warp read neighbours; `weights` points to those of this lane.
template <class Words>
__device__ Words load_weights(const Words* weights, int n_groups, int step, int group)
{
    return __ldg(weights + (step * n_groups + group) * 32);
}

// A patch, F x F pixels of C channels, as a row of a matrix that tensor cores multiply.
// The words of a row of the patch follow each other in shared memory, so the matrix of
// patches is not stored: the word of index k lies `offset(k)` behind the first word.
template <class P, int F, int C> struct Patch {
    static constexpr int ROW = (F * C + P::VALUES - 1) / P::VALUES * P::VALUES;
    static constexpr int STEPS = (F * ROW + P::STEP - 1) / P::STEP;

    // Behind the last index, weights are zero: any value will do there that is finite.
    __device__ static int offset(int k, int pitch)
    {
        return k < F * ROW ? k / ROW * pitch + k % ROW : 0;
    }
};
