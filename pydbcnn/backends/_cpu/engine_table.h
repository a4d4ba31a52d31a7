/* The table of one engine.  Each engine_*.c defines ENGINE_NAME and includes this file;
 * it is compiled with flags of its own, which decide the vectors that the engine
 * uses. */
#include "backward.h"
#include "forward.h"
#include "peak.h"
#if defined(__AVX512BF16__)
#include "forward_bfloat16.h"
#endif

#define JOIN(a, b) a##b
#define ENGINE_SYMBOL(name) JOIN(pydbcnn_engine_, name)
#define TEXT(name) #name
#define ENGINE_TEXT(name) TEXT(name)

const engine ENGINE_SYMBOL(ENGINE_NAME) = {
    .name = ENGINE_TEXT(ENGINE_NAME),
    .float32 = {packed_size, pack, tile_scratch, forward_tile, peak_loop},
#if defined(__AVX512BF16__)
    .bfloat16 = {bf16_packed_size, bf16_pack, bf16_tile_scratch, bf16_forward_tile,
                 bf16_peak_loop},
#endif
    .block_scratch = block_scratch,
    .block_gradient = block_gradient,
    .gradient_size = gradient_size,
    .reduce_gradient = reduce_gradient,
};
