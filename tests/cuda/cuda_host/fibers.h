// Blocks of threads as fibers: a thread keeps the processor until it meets a barrier or
// an operation of its whole warp, so that what is not ordered by one of them happens in
// the most different orders. Threads that wait for others that never come are reported.
//
// What is not seen: within a warp, memory that only an operation of the warp other than
// __syncwarp orders. On a device, lanes see it most of the time, and sometimes not.
#pragma once

#include <csetjmp>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include <sys/mman.h>
#include <ucontext.h>

struct dim3 {
    unsigned x, y, z;
};
static dim3 threadIdx, blockIdx, blockDim, gridDim;
constexpr int warpSize = 32;

namespace cuda_host {

constexpr int MAX_THREADS = 1024;
constexpr size_t STACK = 128 << 10, PAGE = 4096;
constexpr unsigned char POISON = 0xff; // a NaN in every floating-point type

enum Wait { READY, FINISHED, AT_BARRIER, AT_WARP };

// What an operation of a warp needs of each lane.
struct Operand {
    unsigned mask; // the lanes that take part
    void* result;
    const void* a;
    unsigned b0, b1;
};

// What is looked at all the time, apart from the rest.
struct Lane {
    const char* operation; // of the warp that it waits at
    Operand operand;
};

struct Fiber {
    jmp_buf state;
    ucontext_t start;
    char* stack;
    bool started;
    dim3 index;
};

static Fiber fibers[MAX_THREADS];
static Lane lanes[MAX_THREADS];
static unsigned char waits[MAX_THREADS]; // each a Wait
static unsigned at_warp[MAX_THREADS / warpSize]; // a bit for each lane that is AT_WARP
static jmp_buf scheduler;
static sigjmp_buf leave; // for errors: out of the launch
static void (*body)(void**);
static void** arguments;
static int n_threads, n_at_barrier;
static int current = -1; // the thread that runs
static char* dynamic_shared;
static char message[512];

[[noreturn, gnu::format(printf, 1, 2)]] static void fail(const char* format, ...)
{
    char what[256], where[64] = "";
    va_list values;
    va_start(values, format);
    vsnprintf(what, sizeof what, format, values);
    va_end(values);
    if (current >= 0) {
        const dim3 at = fibers[current].index;
        snprintf(where, sizeof where, "thread (%u, %u, %u) of ", at.x, at.y, at.z);
    }
    snprintf(message, sizeof message, "%s, in %sblock (%u, %u, %u)", what, where,
             blockIdx.x, blockIdx.y, blockIdx.z);
    siglongjmp(leave, 1);
}

// The warp that runs: its lanes in their order, and which of them runs.
static const int* turns;
static int n_turns, turn;

// The next lane that can go on, round the order; false if there is none.
static bool next_turn()
{
    for (int i = 0; i < n_turns; ++i) {
        turn = turn + 1 < n_turns ? turn + 1 : 0;
        current = turns[turn];
        if (waits[current] == READY) {
            threadIdx = fibers[current].index;
            return true;
        }
    }
    return false;
}

// To the next lane, and back when this one can go on.
__attribute__((noinline)) static void take_turns()
{
    if (_setjmp(fibers[current].state))
        return;
    if (next_turn() && fibers[current].started)
        _longjmp(fibers[current].state, 1);
    _longjmp(scheduler, 1);
}

// A fiber lives for many blocks: starting one costs two system calls.
static void fiber_main()
{
    for (;;) {
        body(arguments);
        waits[current] = FINISHED;
        take_turns();
    }
}

__attribute__((noinline)) static void start(Fiber& fiber)
{
    if (!fiber.stack) {
        fiber.stack = (char*)mmap(nullptr, STACK, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (fiber.stack == MAP_FAILED) {
            fiber.stack = nullptr;
            fail("no memory for the stack of a thread");
        }
        mprotect(fiber.stack, PAGE, PROT_NONE); // a stack that is full is a fault
    }
    getcontext(&fiber.start);
    fiber.start.uc_stack.ss_sp = fiber.stack;
    fiber.start.uc_stack.ss_size = STACK;
    fiber.start.uc_link = nullptr;
    makecontext(&fiber.start, fiber_main, 0);
    fiber.started = true;
    setcontext(&fiber.start);
}

// A warp goes as far as it can.
__attribute__((noinline)) static bool run_warp(const int* order, int n_lanes)
{
    turns = order;
    n_turns = n_lanes;
    turn = n_lanes - 1;
    if (!next_turn())
        return false;
    // Lanes that have started hand on to one another.
    _setjmp(scheduler);
    if (waits[current] == READY) {
        if (fibers[current].started)
            _longjmp(fibers[current].state, 1);
        start(fibers[current]);
    }
    return true;
}

static void report_deadlock()
{
    int finished = 0, n_at_warp = 0, example = -1;
    for (int i = 0; i < n_threads; ++i) {
        finished += waits[i] == FINISHED;
        n_at_warp += waits[i] == AT_WARP;
        if (waits[i] == AT_WARP && example < 0)
            example = i;
    }
    fail("deadlock: of %d threads, %d have finished, %d wait at __syncthreads and %d "
         "at %s for lanes that do not come",
         n_threads, finished, n_at_barrier, n_at_warp,
         example < 0 ? "an operation of their warp" : lanes[example].operation);
}

// The warp with fewer than 32 lanes, if any, is the last of the block.
static int lanes_of_warp(int first)
{
    const int left = n_threads - first / warpSize * warpSize;
    return left < warpSize ? left : warpSize;
}

static void run_block(const int* order)
{
    n_at_barrier = 0;
    memset(at_warp, 0, sizeof at_warp);
    memset(waits, READY, n_threads);
    for (bool any = true; any;) {
        any = false;
        for (int i = 0, n; i < n_threads; i += n) {
            n = lanes_of_warp(order[i]);
            any |= run_warp(order + i, n);
        }
    }
    current = -1;
    for (int i = 0; i < n_threads; ++i)
        if (waits[i] != FINISHED)
            report_deadlock();
}

// All lanes of the mask meet; the last to come does the work for all of them.
template <class Work>
inline void meet(const char* operation, const Operand& operand, const Work& work)
{
    const int lane = current % warpSize, first = current - lane;
    Lane* const warp = &lanes[first];
    unsigned& waiting = at_warp[first / warpSize];
    if (!(operand.mask >> lane & 1))
        fail("%s: lane %d is not in its own mask %#x", operation, lane, operand.mask);
    warp[lane] = {operation, operand};
    waiting |= 1u << lane;
    if (operand.mask & ~waiting) {
        waits[current] = AT_WARP;
        return take_turns();
    }
    for (int i = 0; i < warpSize; ++i)
        if (operand.mask >> i & 1 && (warp[i].operation != operation ||
                                      warp[i].operand.mask != operand.mask))
            fail("deadlock: lane %d waits at %s, lane %d at %s, or with another mask",
                 lane, operation, i, warp[i].operation);
    work(warp);
    waiting &= ~operand.mask;
    for (int i = 0; i < warpSize; ++i)
        if (operand.mask >> i & 1)
            waits[first + i] = READY;
}

} // namespace cuda_host
