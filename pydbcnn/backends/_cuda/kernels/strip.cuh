// What the fused forward kernels share: how a block goes through the image, and how the
// last layer is computed.
//
// A block goes down a vertical strip of the image, some rows of maps at a time.
// The last layer, F = W3 * F2 + B3 with a kernel of F3 x F3, is computed from
// its input: a row of F2 contributes to the F3 rows of estimates around it, and
// is then forgotten. So no rows of maps are kept, but a ring of ROWS + F3 - 1
// rows of unfinished estimates.
//
// In all fused kernels, C is the number of channels, N1 and N2 are the numbers of
// filters of the first two layers, and F1 and F3 the sides of the kernels of the
// first and the last; the kernel of the second is 1 x 1. In formulas, F1, F2 and
// F are maps instead.

// Columns of maps that a block computes. F3 - 1 of them have no estimates of their own:
// they are the halo of the others.
constexpr int STRIP_MAPS = 64;

struct Strip {
    long long n, top, left; // the number of the image, and the first pixel to estimate
    int height, width;      // of the estimates

    __device__ Strip(const Region& region, long long segment_height, int strip_width)
    {
        const long long across = (region.width + strip_width - 1) / strip_width;
        const long long down = (region.height + segment_height - 1) / segment_height;
        const long long column = blockIdx.x % across;
        const long long row = blockIdx.x / across % down;
        n = blockIdx.x / across / down;
        top = region.top + row * segment_height;
        left = region.left + column * strip_width;
        const long long below = region.top + region.height - top;
        const long long right = region.left + region.width - left;
        height = below < segment_height ? below : segment_height;
        width = right < strip_width ? right : strip_width;
    }
};

// Adds the contributions of ROWS rows of maps, from `first` on, to the estimates around
// them, and writes the estimates that are complete. Rows of maps are counted from the
// first one, which lies F3 / 2 above the strip: row y of the estimates sees the rows y
// to y + F3 - 1 of the maps.
//
// `parts` holds the contribution of each of these rows, PARTS_ROW floats apart: for
// each row of the kernel, the sums over its columns and the maps, (kernel row * C +
// channel, x) in rows of PITCH floats. `sums` is the ring of unfinished estimates, (y %
// (ROWS + F3 - 1), x * C + channel). Contributions are added from the first row of the
// kernel to the last, so that the strip makes no difference to the result.
template <int C, int F3, int ROWS, int PARTS_ROW, int PITCH>
__device__ void add_rows(const Strip& strip, const float* parts, float* sums, int first,
                         const float* biases, const Image& source, bool residual,
                         const Image& out)
{
    constexpr int RING = ROWS + F3 - 1;
    constexpr int WIDTH = STRIP_MAPS - F3 + 1;
    for (int at = threadIdx.x; at < RING * WIDTH * C; at += blockDim.x) {
        const int channel = at % C;
        const int x = at / C % WIDTH;
        const int y = first - (F3 - 1) + at / C / WIDTH;
        if (y < 0 || y >= strip.height || x >= strip.width)
            continue;
        float& place = sums[y % RING * (WIDTH * C) + x * C + channel];
        float sum = y >= first ? biases[channel] : place;
        const int begin = y < first ? 0 : y - first;
        const int end = y + F3 - first < ROWS ? y + F3 - first : ROWS;
        for (int row = begin; row < end; row++) {
            const int part = (first + row - y) * C + channel;
            sum += parts[row * PARTS_ROW + part * PITCH + x];
        }
        if (first + ROWS < y + F3) {
            place = sum;
            continue;
        }
        const long long row = strip.top + y, column = strip.left + x;
        if (residual)
            sum += read_pixel(source, strip.n, row, column, channel);
        write_value(out, pixel_index(out, strip.n, row, column) + channel, sum);
    }
}
