/* The engine for the vectors that every processor has; setup.py has its flags. */
#define ENGINE_NAME baseline
#include "engine_table.h"
