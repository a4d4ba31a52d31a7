/* The engine for AVX-512F; setup.py has its flags. */
#define ENGINE_NAME avx512
#include "engine_table.h"
