#define ENGINE_NAME baseline
#include "engine_table.h"
