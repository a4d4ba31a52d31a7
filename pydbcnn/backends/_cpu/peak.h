/* A loop of nothing but multiply-adds of single precision in registers: what an
 * instruction set can compute at most, as a measure for the other loops.  Only
 * benchmarks and tests run it, through `CpuBackend.peak_rate`.  Its twins for bfloat16
 * lie beside the products, in products_avx512.h and products_amx.h. */
#ifndef PYDBCNN_PEAK_H
#define PYDBCNN_PEAK_H

#include "vector.h"

/* Two units that take up to 5 cycles for a multiply-add are busy with 10 sums. */
enum { PEAK_SUMS = 10 };

/* Runs `rounds` rounds of multiply-adds and returns how many floating-point operations
 * they are.  `values` has one vector to begin with, and behind it room for a result:
 * without a result, the compiler would leave the loop out. */
static double peak_loop(long rounds, float *values)
{
    const vec factor = load(values);
    vec sum[PEAK_SUMS];
#pragma GCC unroll 16
    for (int i = 0; i < PEAK_SUMS; i++)
        sum[i] = factor * (float)i;
    for (long round = 0; round < rounds; round++)
#pragma GCC unroll 16
        for (int i = 0; i < PEAK_SUMS; i++)
            sum[i] = sum[i] * factor + factor;
    vec total = sum[0];
#pragma GCC unroll 16
    for (int i = 1; i < PEAK_SUMS; i++)
        total += sum[i];
    store(values + LANES, total);
    return 2.0 * LANES * PEAK_SUMS * rounds;
}

#endif
