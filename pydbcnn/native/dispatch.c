/* Which engines this build holds and which of them this processor can run. */
#include "engine.h"

#include <string.h>

const engine *const pydbcnn_engines[] = {
    &pydbcnn_engine_baseline,
#ifdef PYDBCNN_X86
    &pydbcnn_engine_avx2,
    &pydbcnn_engine_avx512,
#endif
    NULL,
};

int pydbcnn_engine_runs(const engine *candidate)
{
#ifdef PYDBCNN_X86
    __builtin_cpu_init();
    if (strcmp(candidate->name, "avx2") == 0)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (strcmp(candidate->name, "avx512") == 0)
        return __builtin_cpu_supports("avx512f");
#endif
    return strcmp(candidate->name, "baseline") == 0;
}
