/* The engine for one instruction set: ENGINE_NAME is set by the file that includes
 * this one, and the compiler's flags decide which vectors it uses. */
#include "backward.h"
#include "forward.h"

#define JOIN(a, b) a##b
#define ENGINE_SYMBOL(name) JOIN(pydbcnn_engine_, name)
#define TEXT(name) #name
#define ENGINE_TEXT(name) TEXT(name)

const engine ENGINE_SYMBOL(ENGINE_NAME) = {
    .name = ENGINE_TEXT(ENGINE_NAME),
    .lanes = LANES,
    .packed_size = packed_size,
    .pack = pack,
    .tile_scratch = tile_scratch,
    .forward_tile = forward_tile,
    .block_scratch = block_scratch,
    .block_gradient = block_gradient,
    .gradient_size = gradient_size,
    .reduce_gradient = reduce_gradient,
};
