// Images as all kernels see them, and how their pixels are read, rounded and written.
// Read this file first.

enum PixelType { UINT8, UINT16, FLOAT32, FLOAT64 };
enum Outside { MIRROR, ZERO };

// Some images of one size, as an array (n, height, width, channels) without gaps. The
// array may be a part of whole images: rows and columns are counted in these.
struct Image {
    void* data;
    long long height, width; // of the array
    long long top, left;     // coordinates of its first pixel
    int channels;
    int type;    // a PixelType
    float scale;   // the pixel value that counts as 1
    float inverse; // 1 / scale
    int outside; // an Outside: what counts as the pixels beyond the array
};

// The pixels that a launch computes: of images 0 to n - 1, in coordinates of
// whole images.
struct Region {
    long long n, top, left, height, width;
};

// The position that stands for `at`: beyond the border, the axis is mirrored without a
// repetition of its edge.
__device__ inline long long mirror(long long at, long long size)
{
    if (at >= 0 && at < size)
        return at;
    if (size == 1)
        return 0;
    const long long period = 2 * (size - 1);
    at = (at < 0 ? -at : at) % period;
    return at < period - at ? at : period - at;
}

// The index of the first channel of a pixel, or -1 if it lies outside and
// counts as zero.
__device__ inline long long pixel_index(const Image& image, long long n, long long y,
                                        long long x)
{
    y -= image.top;
    x -= image.left;
    if (image.outside == MIRROR) {
        y = mirror(y, image.height);
        x = mirror(x, image.width);
    } else if (y < 0 || y >= image.height || x < 0 || x >= image.width) {
        return -1;
    }
    return ((n * image.height + y) * image.width + x) * image.channels;
}

// Loads a value without looking at it. A thread waits where it first computes
// with what it loads: so it can load the bits of many values, and only then
// take the `value_of` each.
__device__ inline unsigned load_bits(const Image& image, long long index)
{
    if (index < 0)
        return 0;
    switch (image.type) {
    case UINT8: return ((const unsigned char*)image.data)[index];
    case UINT16: return ((const unsigned short*)image.data)[index];
    case FLOAT32: return __float_as_uint(((const float*)image.data)[index]);
    default: return __float_as_uint(((const double*)image.data)[index]);
    }
}

// A value as the network sees it, between 0 and 1 for most.
__device__ inline float value_of(const Image& image, unsigned bits)
{
    return (image.type < FLOAT32 ? bits : __uint_as_float(bits)) * image.inverse;
}

__device__ inline float read_value(const Image& image, long long index)
{
    return value_of(image, load_bits(image, index));
}

__device__ inline float read_pixel(const Image& image, long long n, long long y,
                                   long long x, int channel)
{
    const long long index = pixel_index(image, n, y, x);
    return index < 0 ? 0.0f : read_value(image, index + channel);
}

__device__ inline float clipped(float value, float highest)
{
    return fminf(fmaxf(rintf(value), 0.0f), highest);
}

// The inverse of `read_value`. Integers are rounded, ties to even, and clipped.
__device__ inline void write_value(const Image& image, long long index, float value)
{
    value *= image.scale;
    switch (image.type) {
    case UINT8: ((unsigned char*)image.data)[index] = clipped(value, 255.0f); break;
    case UINT16: ((unsigned short*)image.data)[index] = clipped(value, 65535.0f); break;
    case FLOAT32: ((float*)image.data)[index] = value; break;
    default: ((double*)image.data)[index] = value;
    }
}

// The precision of the factors of products. Sums are always in single precision.
struct Float32 {
    __device__ static float round(float value) { return value; }
};

struct Tf32 {
    __device__ static float round(float value)
    {
        return __uint_as_float(round_tf32(value));
    }
};

struct Bfloat16 {
    __device__ static float round(float value)
    {
        return __uint_as_float(pack_bfloat16(0.0f, value) & 0xffff0000u);
    }
};
