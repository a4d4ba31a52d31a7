// Products of matrices by the 128 threads of a block, without tensor cores: the inner
// loop of convolution.cuh and weights_gradient.cuh. A block goes through the sum in
// steps of DEPTH products, whose factors it brings to shared memory first.

// How the threads of a block share a tile of ROWS x COLUMNS sums. A thread has groups
// of 4 neighbours in both directions, so that it reads 4 factors at once and the reads
// of a warp seldom conflict in a bank. Threads would idle in columns that a layer does
// not have, so there are narrower tiles, too.
template <int COLUMNS_> struct Tile {
    static constexpr int COLUMNS = COLUMNS_;
    static constexpr int THREADS = 128;
    static constexpr int DEPTH = 8; // products of a sum that are made in one step
    static constexpr int ACROSS = COLUMNS < 64 ? COLUMNS / 4 : 8; // threads
    static constexpr int DOWN = THREADS / ACROSS;
    static constexpr int EACH_ACROSS = COLUMNS / ACROSS; // sums that a thread has
    static constexpr int EACH_DOWN = COLUMNS < 16 ? 4 : 8;
    static constexpr int ROWS = DOWN * EACH_DOWN;
    static constexpr int RIGHT = COLUMNS * DEPTH;
    static constexpr int RIGHT_EACH = (RIGHT + THREADS - 1) / THREADS;

    // The row and the column of the tile where sum i of this thread lies.
    __device__ static int row(int i)
    {
        return (i / 4 * DOWN + (int)threadIdx.x / ACROSS) * 4 + i % 4;
    }

    __device__ static int column(int i)
    {
        return (i / 4 * ACROSS + (int)threadIdx.x % ACROSS) * 4 + i % 4;
    }
};

// The factors of one step in shared memory. Rows are 4 floats longer than the tile, so
// that threads that write to different rows use different banks.
template <class T> struct Factors {
    alignas(16) float left[T::DEPTH][T::ROWS + 4];
    alignas(16) float right[T::DEPTH][T::COLUMNS];

    template <class P> __device__ void store_right(const float (&values)[T::RIGHT_EACH])
    {
#pragma unroll
        for (int i = 0; i < T::RIGHT_EACH; i++) {
            const int item = threadIdx.x + i * T::THREADS;
            if (item < T::RIGHT)
                right[item / T::COLUMNS][item % T::COLUMNS] = P::round(values[i]);
        }
    }
};

// The sums of one thread. Products are added one after the other in the order of the
// sum, so that the size of the tile makes no difference to the result.
template <class T> struct Sums {
    float sum[T::EACH_DOWN][T::EACH_ACROSS] = {};

    __device__ void add(const Factors<T>& factors)
    {
#pragma unroll
        for (int depth = 0; depth < T::DEPTH; depth++) {
            float left[T::EACH_DOWN], right[T::EACH_ACROSS];
#pragma unroll
            for (int i = 0; i < T::EACH_DOWN; i++)
                left[i] = factors.left[depth][T::row(i)];
#pragma unroll
            for (int j = 0; j < T::EACH_ACROSS; j++)
                right[j] = factors.right[depth][T::column(j)];
#pragma unroll
            for (int i = 0; i < T::EACH_DOWN; i++)
#pragma unroll
                for (int j = 0; j < T::EACH_ACROSS; j++)
                    sum[i][j] += left[i] * right[j];
        }
    }
};
