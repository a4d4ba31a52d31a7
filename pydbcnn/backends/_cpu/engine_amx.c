/* The engine for AMX, which has products of bfloat16 matrices; setup.py has its
 * flags. */
#define ENGINE_NAME amx
#include "engine_table.h"
