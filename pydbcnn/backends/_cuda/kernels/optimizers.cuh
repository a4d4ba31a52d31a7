// The steps of Adam and of SGD on the flat vector of parameters. They round as NumPy
// does: no product is fused with an addition. (Only numbers below 2**-126 differ:
// CuPy's options make them zero, which is nothing beside epsilon and the parameters.)

__global__ void __launch_bounds__(256)
    adam(float* params, float* mean, float* square, const float* gradient, long long n,
         float mean_share, float square_share, float step, float epsilon)
{
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n)
        return;
    const float slope = gradient[i];
    mean[i] = __fadd_rn(mean[i], __fmul_rn(mean_share, slope - mean[i]));
    const float more = __fadd_rn(__fmul_rn(slope, slope), -square[i]);
    square[i] = __fadd_rn(square[i], __fmul_rn(square_share, more));
    params[i] -= __fmul_rn(step, mean[i]) / (sqrtf(square[i]) + epsilon);
}

__global__ void __launch_bounds__(256)
    sgd(float* params, float* velocity, const float* gradient, long long n,
        float momentum, float learning_rate)
{
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n)
        return;
    const float step = __fmul_rn(learning_rate, gradient[i]);
    velocity[i] = __fadd_rn(__fmul_rn(momentum, velocity[i]), -step);
    const float change = __fadd_rn(__fmul_rn(momentum, velocity[i]), -step);
    params[i] += change;
}
