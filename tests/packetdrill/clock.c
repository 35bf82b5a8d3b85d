/* SPDX-License-Identifier: MIT */
/*
 * The virtual clock and the threads that wait for it. A blocked call sleeps on a condition
 * variable; whenever the stack may have changed, the thread that changed it lets each sleeper try
 * again and waits for the outcome. A sleeper whose call returns keeps the clock still until it has
 * read it, so that its time is exact.
 */
#include "object.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* Real seconds until a thread that was woken is taken for lost. */
#define PATIENCE 20

static struct waiter *
waiter_of(struct object *o, pthread_t thread)
{
    for (int i = 0; i < WAITERS; i++)
        if (o->waiters[i].state != FREE && pthread_equal(o->waiters[i].thread, thread))
            return &o->waiters[i];
    return NULL;
}

static bool
any_other(struct object *o, int state)
{
    for (int i = 0; i < WAITERS; i++)
        if ((int)o->waiters[i].state == state &&
            !pthread_equal(o->waiters[i].thread, pthread_self()))
            return true;
    return false;
}

static void
wait_while_any(struct object *o, int state)
{
    struct timespec end;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE;
    while (any_other(o, state))
        if (pthread_cond_timedwait(&o->changed, &o->lock, &end) == ETIMEDOUT)
            pd_fail("a thread that was woken never came back");
}

void
pd_settle(struct object *o)
{
    bool asleep = false;

    pd_collect(o);
    estab_sock_host_run(o->host, o->now);
    for (int i = 0; i < WAITERS; i++)
        if (o->waiters[i].state == ASLEEP) {
            o->waiters[i].state = RETRYING;
            asleep = true;
        }
    if (!asleep)
        return;
    pthread_cond_broadcast(&o->changed);
    wait_while_any(o, RETRYING);
    pd_collect(o);
}

void
pd_hold(struct object *o)
{
    wait_while_any(o, RETURNING);
}

bool
pd_looked(struct object *o)
{
    struct waiter *w = waiter_of(o, pthread_self());

    if (w == NULL || w->state != RETURNING)
        return false;
    w->state = FREE;
    pthread_cond_broadcast(&o->changed);
    return true;
}

estab_time
pd_next(const struct object *o)
{
    estab_time at = estab_stack_deadline(o->stack);

    for (int i = 0; i < WAITERS; i++)
        if (o->waiters[i].state == ASLEEP && o->waiters[i].until < at)
            at = o->waiters[i].until;
    return at;
}

void
pd_advance(struct object *o, estab_time at, bool until_packet)
{
    pd_hold(o);
    for (;;) {
        estab_time next = pd_next(o);

        if (next > at || (until_packet && o->first != NULL))
            break;
        if (next > o->now)
            o->now = next;
        estab_stack_tick(o->stack, o->now);
        pd_settle(o);
        pd_hold(o);
    }
    if (at > o->now && !(until_packet && o->first != NULL))
        o->now = at;
}

/* The script's own thread has nobody who moves the clock for it. */
static void
wait_alone(struct object *o, const struct estab_sock_call *call)
{
    estab_time next = pd_next(o);

    if (call->until < next)
        next = call->until;
    if (next == ESTAB_NEVER)
        pd_fail("a call without an end time blocks for ever");
    pd_advance(o, next, false);
}

static struct waiter *
new_waiter(struct object *o)
{
    struct waiter *w = waiter_of(o, pthread_self());

    for (int i = 0; w == NULL && i < WAITERS; i++)
        if (o->waiters[i].state == FREE)
            w = &o->waiters[i];
    if (w == NULL)
        pd_fail("more than %d threads block", WAITERS);
    w->thread = pthread_self();
    return w;
}

ptrdiff_t
pd_wait(struct object *o, pd_try *try, void *arg)
{
    struct estab_sock_call call = { 0 };
    struct waiter *w = NULL;
    ptrdiff_t result;

    while ((result = try(o, arg, &call)) == ESTAB_SOCK_BLOCKED) {
        pd_collect(o);
        if (pthread_equal(pthread_self(), o->main)) {
            wait_alone(o, &call);
            continue;
        }
        if (w == NULL)
            w = new_waiter(o);
        w->until = call.until;
        w->state = ASLEEP;
        pthread_cond_broadcast(&o->changed);
        while (w->state == ASLEEP)
            pthread_cond_wait(&o->changed, &o->lock);
    }
    pd_collect(o);
    if (w != NULL) {
        w->state = RETURNING;
        pthread_cond_broadcast(&o->changed);
    } else {
        pd_settle(o); /* what this call did may concern a sleeper */
    }
    return result;
}
