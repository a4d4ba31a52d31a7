// Indices turned into positions: rows of a matrix of weights into taps of the kernel,
// and numbers of pixels into coordinates.

// A position of the kernel together with an input: a row of the matrix of HWIO weights.
struct Tap {
    int row, column, channel;

    __device__ Tap(int index, int kernel_size, int channels)
    {
        channel = index % channels;
        column = index / channels % kernel_size;
        row = index / channels / kernel_size;
    }

    // Goes on by as many rows of the matrix as `step` stands for, without a division.
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

// The coordinates of pixel number `pixel` of a region, which is counted image by image
// and row by row.
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

// The index of the first channel of a pixel, without a look at the borders of the
// array: the index of a pixel beyond them only serves to be added to.
__device__ inline long long index_at(const Image& image, const Place& at)
{
    const long long row = at.n * image.height + at.y - image.top;
    return (row * image.width + at.x - image.left) * image.channels;
}
