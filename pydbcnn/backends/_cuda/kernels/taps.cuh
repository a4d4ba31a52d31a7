// Rows of HWIO weights as what they see, and numbers of pixels as coordinates.

struct Tap {
    int row, column, channel;

    __device__ Tap(int index, int kernel_size, int channels)
    {
        channel = index % channels;
        column = index / channels % kernel_size;
        row = index / channels / kernel_size;
    }

    // Go on by as many rows of weights as `step` is; without a division.
    __device__ void advance(const Tap& step, int kernel_size, int channels)
    {
        channel += step.channel;
        const bool next_pixel = channel >= channels;
        channel -= next_pixel ? channels : 0;
        column += step.column + next_pixel;
        const bool next_row = column >= kernel_size;
        column -= next_row ? kernel_size : 0;
        row += step.row + next_row;
    }
};

// Coordinates of a pixel of a region, whose pixels count image by image, row by row.
struct Place {
    long long n, y, x;

    __device__ Place(const Region& region, long long pixel)
    {
        x = region.left + pixel % region.width;
        pixel /= region.width;
        y = region.top + pixel % region.height;
        n = pixel / region.height;
    }
};

// Index of the first channel of a pixel that lies in the array, or would if it went on.
__device__ inline long long index_at(const Image& image, const Place& at)
{
    const long long row = at.n * image.height + at.y - image.top;
    return (row * image.width + at.x - image.left) * image.channels;
}
