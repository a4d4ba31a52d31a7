// The few instructions that C++ has no name for. Nothing else in the kernels is
// assembly: a host compiler can compile all of them with twins of these functions,
// which the tests have.
#ifdef __CUDACC__

// The number of a thread in its warp. `volatile` makes the compiler ask for it each
// time: if it kept the number in a register, with all that follows from it, there would
// be no room for sums.
__device__ inline int lane_number()
{
    int lane;
    asm volatile("mov.u32 %0, %%laneid;" : "=r"(lane));
    return lane;
}

// The number of its warp in its block, likewise.
__device__ inline int warp_number()
{
    int thread;
    asm volatile("mov.u32 %0, %%tid.x;" : "=r"(thread));
    return thread / 32;
}

// Rounds to the nearest tf32 value, which has 10 bits after the leading one, ties away
// from zero.
__device__ inline unsigned round_tf32(float value)
{
    unsigned bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(value));
    return bits;
}

// Rounds two numbers to the nearest bfloat16 values, ties to even. The first one
// becomes the lower half of the word.
__device__ inline unsigned pack_bfloat16(float low, float high)
{
    unsigned bits;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(high), "f"(low));
    return bits;
}

// sum += a b for a of 16 x 8 and b of 8 x 8 tf32 values, held by the lanes of a warp as
// PTX lays them out: with g = lane / 4 and t = lane % 4,
//   a[0] (g, t)  a[1] (g + 8, t)  a[2] (g, t + 4)  a[3] (g + 8, t + 4)
//   b0 (t, g)  b1 (t + 4, g)
//   sum[0] (g, 2 t)  sum[1] (g, 2 t + 1)  sum[2] (g + 8, 2 t)  sum[3] (g + 8, 2 t + 1)
__device__ inline void mma_tf32(float (&sum)[4], const unsigned (&a)[4], unsigned b0,
                                unsigned b1)
{
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// The same for a of 16 x 16 and b of 16 x 8 bfloat16 values. A register holds two
// values that follow each other along the sum; the first of them are
//   a[0] (g, 2 t)  a[1] (g + 8, 2 t)  a[2] (g, 2 t + 8)  a[3] (g + 8, 2 t + 8)
//   b0 (2 t, g)  b1 (2 t + 8, g)
__device__ inline void mma_bfloat16(float (&sum)[4], const unsigned (&a)[4],
                                    unsigned b0, unsigned b1)
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
        "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

#endif
