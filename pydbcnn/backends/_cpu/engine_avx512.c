#define ENGINE_NAME avx512
#include "engine_table.h"
