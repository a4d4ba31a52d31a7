#define ENGINE_NAME avx2
#include "engine_table.h"
