#define ENGINE_NAME avx512_bf16
#include "engine_table.h"
