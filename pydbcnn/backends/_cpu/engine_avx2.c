/* The engine for AVX2 and FMA; setup.py has its flags. */
#define ENGINE_NAME avx2
#include "engine_table.h"
