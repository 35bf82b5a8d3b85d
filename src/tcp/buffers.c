/* SPDX-License-Identifier: MIT */
/*
 * Ring memory of one connection: grows from nothing with the real need, goes back when drained,
 * and every octet taken or returned is traced. Called from user_calls.c, text.c and ack.c.
 */
#include "base/bits.h"
#include "tcp/accecn_option.h"
#include "tcp/cc.h"
#include "tcp/cwnd_validation.h"
#include "tcp/rack.h"
#include "tcp/undo.h"

#include <string.h>

#define CHUNK_MIN (1u << CHUNK_MIN_LOG2)
#define RING_PLENTY 4 /* up to this part of the budget a ring begins with what it needed lately */
#define ENOUGH_BEFORE 16 /* lends after which half of that is tried */

/* The size of the ring that holds at most n octets. */
uint32_t
estab_tcp_power_of_two_below(uint32_t n)
{
    if (n < CHUNK_MIN)
        return CHUNK_MIN;
    return 1u << (n >> CHUNK_MAX_LOG2 != 0 ? CHUNK_MAX_LOG2 : highest_bit(n));
}

void
estab_tcp_trace_memory(const struct tcb *tcb, const struct tcp_env *env, enum estab_memory what,
                       int64_t bytes)
{
    struct estab_trace t;

    if (LIKELY(env->trace == NULL))
        return;
    t = (struct estab_trace){
        .kind = ESTAB_TRACE_MEMORY,
        .state_before = tcb->state,
        .state_after = tcb->state,
        .memory = (uint8_t)what,
        .bytes = bytes,
    };
    env->trace(env, tcb, &t);
}

static enum estab_memory
which_ring(const struct tcb *tcb, const struct ring *ring)
{
    return ring == &tcb->snd ? ESTAB_MEM_SEND_RING : ESTAB_MEM_RECEIVE_RING;
}

/* With what a ring begins. A flow whose reader keeps up has its ring drained and filled again and
 * again, and what grew from the smallest size each time would be moved six times on the way to 64 KiB.
 * So it begins with what it needed the last time; only while memory is plenty, for a peer who then
 * sends a single octet holds all of it. */
static uint32_t
first_size(const struct tcp_env *env, const struct ring *ring, uint32_t need, uint32_t limit)
{
    uint32_t lately = ring->lately > CHUNK_MIN_LOG2 ? 1u << ring->lately : CHUNK_MIN;

    if (lately <= need || lately > limit ||
        env->arena->taken + lately > env->arena->budget / RING_PLENTY)
        return CHUNK_MIN;
    return lately;
}

/* The ring is given back: what it had, it needed; or it was given more than that lately. */
static void
note_size(struct ring *ring)
{
    uint8_t size = (uint8_t)highest_bit(ring->size);

    if (size != ring->lately) {
        ring->lately = size;
        ring->enough = 0;
    } else if (size > CHUNK_MIN_LOG2 && ++ring->enough >= ENOUGH_BEFORE) {
        ring->lately--;
        ring->enough = 0;
    }
}

bool
estab_tcp_ring_grow(const struct tcb *tcb, struct tcp_env *env, struct ring *ring, uint32_t need,
                    uint32_t keep, uint32_t limit)
{
    uint32_t size = ring->size == 0 ? first_size(env, ring, need, limit) : ring->size;
    uint32_t old_size = ring->size;
    uint8_t *old = ring->data;
    uint8_t *data;

    if (need <= ring->size)
        return true;
    if (need > limit)
        return false;
    while (size < need)
        size *= 2;
    data = estab_chunks_get(env->chunks, size);
    if (data == NULL)
        return false;
    if (old == NULL) {
        ring->data = data;
        ring->size = size;
    } else {
        estab_ring_move(ring, data, size, keep);
        estab_chunks_put(env->chunks, old, old_size);
    }
    estab_tcp_trace_memory(tcb, env, which_ring(tcb, ring), (int64_t)size - (int64_t)old_size);
    return true;
}

void
estab_tcp_ring_return(const struct tcb *tcb, struct tcp_env *env, struct ring *ring)
{
    uint32_t size = ring->size;

    if (size == 0)
        return;
    note_size(ring);
    estab_chunks_put(env->chunks, ring->data, size);
    *ring = (struct ring){ .lately = ring->lately, .enough = ring->enough };
    estab_tcp_trace_memory(tcb, env, which_ring(tcb, ring), -(int64_t)size);
}

void
estab_tcp_ranges_return(struct tcb *tcb, struct tcp_env *env)
{
    uint32_t size;

    if (tcb->ooo == NULL)
        return;
    size = tcb->ooo->size;
    estab_chunks_put(env->chunks, tcb->ooo, size);
    tcb->ooo = NULL;
    estab_tcp_trace_memory(tcb, env, ESTAB_MEM_RANGES, -(int64_t)size);
}

/* What only a connection on the wire needs. */
void
estab_tcp_release_sender(struct tcb *tcb, struct tcp_env *env)
{
    estab_rack_release(tcb, env);
    estab_undo_forget(tcb, env);
    estab_cwv_forget(tcb, env);
    estab_accecn_option_forget(tcb, env);
    cc_release(tcb, env);
}

void
estab_tcp_release(struct tcb *tcb, struct tcp_env *env)
{
    estab_tcp_ring_return(tcb, env, &tcb->snd);
    estab_tcp_ring_return(tcb, env, &tcb->rcv);
    estab_tcp_ranges_return(tcb, env);
    estab_tcp_release_sender(tcb, env);
}
