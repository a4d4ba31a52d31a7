// The loss: half the mean of (F - X)^2 over all values, where F is the estimate and X
// the sharp image. Training starts from its deltas, the derivatives (F - X) / count.

// Writes the deltas (estimate - target) / count of a region. Each block leaves in
// `squares` the sum of the squared differences that its threads have seen, in double
// precision: the host adds these.
__global__ void __launch_bounds__(256)
    squared_error(Image estimate, Image target, Image delta, Region region,
                  double* squares, float count)
{
    extern __shared__ float4 block_memory[];
    double* sums = (double*)block_memory;
    const int channels = estimate.channels;
    const long long n_items = region.n * region.height * region.width * channels;
    double sum = 0.0;
    const long long stride = (long long)gridDim.x * blockDim.x;
    long long item = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    for (; item < n_items; item += stride) {
        const Place at(region, item / channels);
        const int channel = (int)(item % channels);
        const float error = read_pixel(estimate, at.n, at.y, at.x, channel)
            - read_pixel(target, at.n, at.y, at.x, channel);
        write_value(delta, index_at(delta, at) + channel, error / count);
        sum += (double)error * error;
    }
    sums[threadIdx.x] = sum;
    for (int half = 128; half > 0; half /= 2) {
        __syncthreads();
        if ((int)threadIdx.x < half)
            sums[threadIdx.x] += sums[threadIdx.x + half];
    }
    if (threadIdx.x == 0)
        squares[blockIdx.x] = sums[0];
}
