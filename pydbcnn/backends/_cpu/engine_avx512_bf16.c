/* The engine for AVX512_BF16, which has products of bfloat16; setup.py has its
 * flags. */
#define ENGINE_NAME avx512_bf16
#include "engine_table.h"
