// Products of matrices by the threads of a block: the inner loop of the convolution of
// any size and of the gradient of its weights.

// How a block of 128 threads shares ROWS x COLUMNS sums. A thread has groups of 4
// neighbours in both directions, so that it reads 4 factors at once and the threads of
// a warp meet on few banks. Columns that a layer does not have would be idle: there are
// narrower tiles.
template <int COLUMNS_> struct Tile {
    static constexpr int COLUMNS = COLUMNS_;
    static constexpr int THREADS = 128;
    static constexpr int DEPTH = 8; // products that shared memory holds at a time
    static constexpr int ACROSS = COLUMNS < 64 ? COLUMNS / 4 : 8; // threads
    static constexpr int DOWN = THREADS / ACROSS;
    static constexpr int EACH_ACROSS = COLUMNS / ACROSS; // sums of a thread
    static constexpr int EACH_DOWN = COLUMNS < 16 ? 4 : 8;
    static constexpr int ROWS = DOWN * EACH_DOWN;
    static constexpr int RIGHT = COLUMNS * DEPTH;
    static constexpr int RIGHT_EACH = (RIGHT + THREADS - 1) / THREADS;

    // Row and column in the tile of the sum i of this thread.
    __device__ static int row(int i)
    {
        return (i / 4 * DOWN + (int)threadIdx.x / ACROSS) * 4 + i % 4;
    }

    __device__ static int column(int i)
    {
        return (i / 4 * ACROSS + (int)threadIdx.x % ACROSS) * 4 + i % 4;
    }
};

// The factors of one step. A row is 4 longer than the tile, so that writers of
// different depths meet different banks.
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

// The sums of one thread. Each takes its products in the order of the depth, whatever
// the tile.
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
