// What the fused forward kernels share. A block goes down a vertical strip of the
// image, some rows of maps at a time. The last layer is seen from its input: a row of
// maps adds to the F3 rows of estimates around it, so that no row of maps is kept.

// Columns of maps that a block computes, of which F3 - 1 are only seen by estimates.
constexpr int STRIP_MAPS = 64;

struct Strip {
    long long n, top, left; // the image, and the first pixel to estimate
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

// Adds what ROWS rows of maps, from `first` on, bring to the estimates around them, and
// writes those that are complete. Rows are counted from the first row of maps, which is
// F3 / 2 above the strip: row y of the estimates sees rows y to y + F3 - 1 of the maps.
//
// Of each of the rows, PARTS_ROW floats apart, `parts` holds the sums over the columns
// of the kernel, (kernel row * C + channel, x) in rows of PITCH floats; `sums` has the
// estimates so far, (y % (ROWS + F3 - 1), x * C + channel). Kernel rows are added from
// the first to the last, whatever the strip.
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
