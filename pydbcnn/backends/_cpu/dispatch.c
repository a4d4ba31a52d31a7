/* The list of the engines of this build, and the test which of them this processor can
 * run.  It is compiled without flags for an instruction set, so that it runs
 * anywhere. */
#define _GNU_SOURCE
#include "engine.h"

#include <string.h>

const engine *const pydbcnn_engines[] = {
    &pydbcnn_engine_baseline,
#ifdef PYDBCNN_X86
    &pydbcnn_engine_avx2,
    &pydbcnn_engine_avx512,
#ifdef PYDBCNN_BFLOAT16
    &pydbcnn_engine_avx512_bf16,
    &pydbcnn_engine_amx,
#endif
#endif
    NULL,
};

#ifdef PYDBCNN_BFLOAT16
#include <cpuid.h>

#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

/* Whether the processor has AMX for bfloat16, and the system saves its registers. */
static int has_amx(void)
{
    enum { AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24, OSXSAVE = 1 << 27 };
    enum { TILE_STATES = 1 << 17 | 1 << 18 };
    unsigned a, b, c, d, states, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & OSXSAVE))
        return 0;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & AMX_BF16) || !(d & AMX_TILE))
        return 0;
    __asm__ volatile("xgetbv" : "=a"(states), "=d"(high) : "c"(0));
    return (states & TILE_STATES) == TILE_STATES;
}

static int runs_bfloat16(const char *name)
{
    /* With the flag for these products, compilers also use AVX512BW. */
    const int has_bfloat16 = __builtin_cpu_supports("avx512f") &&
                             __builtin_cpu_supports("avx512bw") &&
                             __builtin_cpu_supports("avx512bf16");
    if (strcmp(name, "avx512_bf16") == 0)
        return has_bfloat16;
    return strcmp(name, "amx") == 0 && has_bfloat16 && has_amx();
}
#endif

int pydbcnn_request_amx(void)
{
#if defined(PYDBCNN_BFLOAT16) && defined(__linux__)
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, TILE_DATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, TILE_DATA) == 0;
#else
    return 0;
#endif
}

int pydbcnn_engine_runs(const engine *candidate)
{
#ifdef PYDBCNN_X86
    __builtin_cpu_init();
    if (strcmp(candidate->name, "avx2") == 0)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (strcmp(candidate->name, "avx512") == 0)
        return __builtin_cpu_supports("avx512f");
#endif
#ifdef PYDBCNN_BFLOAT16
    if (runs_bfloat16(candidate->name))
        return 1;
#endif
    return strcmp(candidate->name, "baseline") == 0;
}
