// Precisions of tensor cores: how values lie in the registers of a warp that multiplies
// matrices. A word is what a register holds: one tf32 value, or two bfloat16
// neighbours.
//
// Lanes have a group g = lane / 4 and a place t = lane % 4 in it; see ptx.cuh.

// Whole numbers, for kernels that multiply without tensor cores.
struct Float32Words {
    using Word = float;
    static constexpr int VALUES = 1;
    __device__ static float word(float value, float) { return value; }
};

struct Tf32Fragments {
    using Word = unsigned;
    static constexpr int VALUES = 1; // in a word
    static constexpr int STEP = 8;   // of the index that products are summed over

    // A value and its neighbour as a word.
    __device__ static unsigned word(float value, float) { return round_tf32(value); }

    // sum += a b for 16 x STEP values of a and STEP x 8 of b.
    __device__ static void multiply(float (&sum)[4], const unsigned (&a)[4],
                                    unsigned b0, unsigned b1)
    {
        mma_tf32(sum, a, b0, b1);
    }

    // Two sums of 16 x 8 values each as factors of the next product. One sum is a whole
    // step; its columns 2 t and 2 t + 1 become the indices t and t + 4.
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

    static constexpr int SUMS = 2; // in their own order
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

// Sums of N columns that begin with their biases.
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

// Weights lie as (step, group of columns, lane): words b0 and b1 of 8 columns, or those
// of 8 columns and of the next 8. `weights` are those of the lane.
template <class Words>
__device__ Words load_weights(const Words* weights, int n_groups, int step, int group)
{
    return __ldg(weights + (step * n_groups + group) * 32);
}

// A patch of F x F pixels as the index of a sum: words of a row of inputs follow each
// other. `offset(k)` is how far the word of index k lies behind the first one.
template <class P, int F, int C> struct Patch {
    static constexpr int ROW = (F * C + P::VALUES - 1) / P::VALUES * P::VALUES;
    static constexpr int STEPS = (F * ROW + P::STEP - 1) / P::STEP;

    // Behind the last index weights are zero; what is read there only has to be finite.
    __device__ static int offset(int k, int pitch)
    {
        return k < F * ROW ? k / ROW * pitch + k % ROW : 0;
    }
};
