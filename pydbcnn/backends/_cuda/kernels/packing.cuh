// Weights brought into the order in which a kernel reads them; packing.py
// has the orders.

// Fills words of VALUES rounded parameters each: those at the given places of the flat
// vector, or zero where a place is -1.
template <class P>
__global__ void __launch_bounds__(256)
    pack_words(const float* params, const int* places, long long n,
               typename P::Word* words)
{
    const long long at = blockIdx.x * 256ll + threadIdx.x;
    if (at >= n)
        return;
    float values[2] = {0.0f, 0.0f};
    for (int i = 0; i < P::VALUES; i++) {
        const int place = places[at * P::VALUES + i];
        values[i] = place < 0 ? 0.0f : params[place];
    }
    words[at] = P::word(values[0], values[1]);
}
