// How the tests launch a kernel: what comes behind its source, in a library of its own.
#pragma once

#include <csignal>
#include <type_traits>
#include <utility>

#include "checks.h"
#include "twins.h"

namespace cuda_host {

// A parameter as the tests check it: 'p' pointer, 'i' integer, 'f' float, 's' struct.
struct Parameter {
    char kind;
    char pointee; // of a pointer: the kind of what it points to, 'v' for void
    unsigned size, pointee_size;
};

template <class T>
constexpr char kind_of()
{
    return std::is_pointer_v<T>          ? 'p'
           : std::is_void_v<T>           ? 'v'
           : std::is_floating_point_v<T> ? 'f'
           : std::is_integral_v<T>       ? 'i'
                                         : 's';
}

template <class T>
constexpr unsigned size_of()
{
    if constexpr (std::is_void_v<T>)
        return 1;
    else
        return sizeof(T);
}

template <class T>
constexpr Parameter parameter()
{
    static_assert(std::is_trivially_copyable_v<T>, "a kernel takes values only");
    using Pointee = std::remove_cv_t<std::remove_pointer_t<T>>;
    return {kind_of<T>(), kind_of<Pointee>(), sizeof(T), size_of<Pointee>()};
}

template <class... T>
int parameters_of(void (*)(T...), Parameter* to)
{
    const Parameter all[] = {parameter<T>()..., Parameter()};
    for (size_t i = 0; i < sizeof...(T); ++i)
        to[i] = all[i];
    return sizeof...(T);
}

template <class... T, size_t... I>
void call(void (*kernel)(T...), void** values, std::index_sequence<I...>)
{
    kernel(*(T*)values[I]...);
}

template <class... T>
void call(void (*kernel)(T...), void** values)
{
    call(kernel, values, std::index_sequence_for<T...>());
}

static void* fault; // the address that a kernel must not touch

static void on_signal(int signal, siginfo_t* info, void*)
{
    fault = info->si_addr;
    fail(signal == SIGFPE ? "division by zero"
                          : "access to memory that is not its own");
}

constexpr int SIGNALS[] = {SIGSEGV, SIGBUS, SIGFPE};

// Faults of a kernel, for as long as it lives, become errors. The handler has a stack
// of its own, as that of a fiber may be full.
struct Handlers {
    struct sigaction actions[3];
    stack_t stack;

    Handlers()
    {
        static char room[64 << 10];
        stack_t own = {};
        own.ss_sp = room;
        own.ss_size = sizeof room;
        sigaltstack(&own, &stack);
        struct sigaction action = {};
        action.sa_sigaction = on_signal;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        for (int i = 0; i < 3; ++i)
            sigaction(SIGNALS[i], &action, &actions[i]);
    }

    ~Handlers()
    {
        for (int i = 0; i < 3; ++i)
            sigaction(SIGNALS[i], &actions[i], nullptr);
        sigaltstack(&stack, nullptr);
    }
};

struct Launch {
    dim3 grid, block;
    long long n_blocks;
    const long long* block_order;
    const int* thread_order;
    void** values;
    char* shared; // room for the shared memory, with what lies around it
    long long shared_room;
    char* dynamic_shared;
    long long shared_size;
    void* fault; // out: the address that a kernel touched, if that is why it failed
};

// What lies around the shared memory, up to pages that nobody may touch, is as it was.
static void check_shared(const Launch& launch)
{
    char* const end = launch.dynamic_shared + launch.shared_size;
    for (char* at = launch.shared; at < launch.shared + launch.shared_room; ++at) {
        if (at == launch.dynamic_shared)
            at = end;
        if (at < launch.shared + launch.shared_room && (unsigned char)*at != POISON)
            fail("a write %td bytes from the start of %lld bytes of shared memory",
                 at - launch.dynamic_shared, launch.shared_size);
    }
}

static void place_threads()
{
    int i = 0;
    for (unsigned z = 0; z < blockDim.z; ++z)
        for (unsigned y = 0; y < blockDim.y; ++y)
            for (unsigned x = 0; x < blockDim.x; ++x)
                fibers[i++].index = {x, y, z};
}

static void run_grid(const Launch& launch)
{
    for (long long i = 0; i < launch.n_blocks; ++i) {
        const unsigned long long at = launch.block_order[i];
        blockIdx = {(unsigned)(at % gridDim.x), (unsigned)(at / gridDim.x % gridDim.y),
                    (unsigned)(at / gridDim.x / gridDim.y)};
        memset(launch.shared, POISON, launch.shared_room);
        run_block(launch.thread_order);
        check_shared(launch);
    }
}

// The message of what went wrong, or nothing.
static const char* run_kernel(Launch& launch, void (*call)(void**))
{
    Handlers handlers;
    gridDim = launch.grid;
    blockDim = launch.block;
    n_threads = launch.block.x * launch.block.y * launch.block.z;
    dynamic_shared = launch.dynamic_shared;
    arguments = launch.values;
    body = call;
    place_threads();
    fault = nullptr;
    if (sigsetjmp(leave, 1)) {
        for (Fiber& fiber : fibers)
            fiber.started = false; // they stand in the midst of a block
        launch.fault = fault;
        return message;
    }
    run_grid(launch);
    return nullptr;
}

} // namespace cuda_host

#define CUDA_HOST_KERNEL(...)                                                          \
    extern "C" int cuda_host_parameters(cuda_host::Parameter* to)                      \
    {                                                                                  \
        return cuda_host::parameters_of(&__VA_ARGS__, to);                             \
    }                                                                                  \
    extern "C" const char* cuda_host_launch(cuda_host::Launch* launch)                 \
    {                                                                                  \
        return cuda_host::run_kernel(                                                  \
            *launch, [](void** values) { cuda_host::call(&__VA_ARGS__, values); });    \
    }
