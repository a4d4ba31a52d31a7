// The combination, the last of the outer layers: s <- x A + s B + b weighs the channels
// of the blurred image x and of the estimate s, for each pixel by itself.

// A thread computes one channel of one pixel. `weights` has A, then B, both as (input,
// output), then b.
__global__ void __launch_bounds__(256)
    combine(Image image, Image estimate, Image out, Region region, const float* weights)
{
    const long long item = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    const int n_outputs = out.channels;
    const long long pixel = item / n_outputs;
    if (pixel >= region.n * region.height * region.width)
        return;
    const int output = (int)(item % n_outputs);
    const Place at(region, pixel);
    const float* weight = weights + output;
    float sum = 0.0f;
    const long long of_image = pixel_index(image, at.n, at.y, at.x);
    for (int input = 0; input < image.channels; input++, weight += n_outputs)
        sum += read_value(image, of_image + input) * *weight;
    const long long of_estimate = index_at(estimate, at);
    for (int input = 0; input < estimate.channels; input++, weight += n_outputs)
        sum += read_value(estimate, of_estimate + input) * *weight;
    write_value(out, index_at(out, at) + output, sum + *weight);
}
