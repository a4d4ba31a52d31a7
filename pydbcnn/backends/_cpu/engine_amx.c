#define ENGINE_NAME amx
#include "engine_table.h"
