// Images as all kernels see them, and how pixels are read, rounded and written.

enum PixelType { UINT8, UINT16, FLOAT32, FLOAT64 };
enum Outside { MIRROR, ZERO };

// Some images of one size, (n, height, width, channels) without gaps. Rows and columns
// have the coordinates of the whole image that the array may be a part of.
struct Image {
    void* data;
    long long height, width; // of the array
    long long top, left;     // coordinates of its first pixel
    int channels;
    int type;    // a PixelType
    float scale;   // the pixel value that counts as 1
    float inverse; // 1 / scale
    int outside; // what lies beyond the array, an Outside
};

// Pixels that a launch computes: of images 0 to n - 1, in the coordinates of the whole.
struct Region {
    long long n, top, left, height, width;
};

// A position outside an axis mirrored into it, edges not repeated.
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

// Index of the first channel of a pixel, or -1 for a zero outside.
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

// What memory has of a value. Nothing is computed with it here, where a thread would
// wait for it: it can ask for many, and then take the `value_of` each.
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

// The inverse of `read_value`; integers are rounded, ties to even, and clipped.
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

// The precision of products; sums are always of single precision.
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
