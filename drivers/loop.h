/* SPDX-License-Identifier: MIT */
/*
 * The loop that drives stacks in real time: one thread, one epoll, one timer, one clock reading
 * per turn. A turn takes what has arrived on every link into its stack, calls the watchers whose
 * descriptors are ready, lets time pass, delivers the stacks' events, sends what the stacks have
 * to send, and then sleeps until something happens or the earliest deadline.
 *
 * All callbacks run inside estab_loop_run(); they may call the stacks and every function here but
 * estab_loop_run() and estab_loop_free().
 */
#ifndef ESTAB_DRIVERS_LOOP_H
#define ESTAB_DRIVERS_LOOP_H

#include "drivers/packet_link.h"

#include <stdbool.h>
#include <sys/epoll.h>

struct loop;

struct loop *estab_loop_new(struct failure *why);
/* Closes nothing that was given to it: not the stacks, not the links, not the descriptors. */
void estab_loop_free(struct loop *loop);

/* CLOCK_MONOTONIC in nanoseconds as it was read at the start of this turn. */
estab_time estab_loop_now(const struct loop *loop);

/* Turns until estab_loop_stop(): 0. A link that has gone ends it: -1 and why. */
int estab_loop_run(struct loop *loop, struct failure *why);
/* Ends estab_loop_run() after this turn, whose output is still sent. */
void estab_loop_stop(struct loop *loop);

/* --- stacks and their links --- */

typedef void loop_events_fn(void *ctx, const struct estab_event *event, estab_time now);

/* Drives a stack; `events` gets each of its events. */
int estab_loop_add_stack(struct loop *loop, struct estab_stack *stack, loop_events_fn *events,
                         void *ctx, struct failure *why);
/* Connects an interface of a stack added before with a link. */
int estab_loop_add_link(struct loop *loop, struct estab_stack *stack, unsigned ifindex,
                        const struct packet_link *link, struct failure *why);
/* Sends what the stack has to send now, outside of a turn; used for last words before the end. */
int estab_loop_flush(struct loop *loop, struct failure *why);

/* Sees every packet on every link; the frame lives until the call returns. */
typedef void loop_tap_fn(void *ctx, const struct estab_stack *stack, unsigned ifindex, bool out,
                         const struct estab_frame *frame, estab_time now);
struct loop_tap {
    loop_tap_fn *call;
    void *ctx;
    struct loop_tap *next; /* the loop's */
};
/* `tap` belongs to the caller and must outlive the loop. */
void estab_loop_add_tap(struct loop *loop, struct loop_tap *tap);

/* --- the caller's own descriptors, alarms and turns --- */

/* A watched descriptor; belongs to the caller, zeroed at first, its fields are the loop's. */
struct loop_watch {
    void (*call)(void *ctx, uint32_t ready, estab_time now);
    void *ctx;
    int fd;
    uint32_t events; /* EPOLLIN, EPOLLOUT; 0: not now */
    bool in_epoll;
    bool always; /* a file or /dev/null, which epoll refuses: always ready */
    bool listed;
    struct loop_watch *next;
};
/* Level-triggered: called in every turn in which one of `events` (or an error) is there. */
int estab_loop_watch(struct loop *loop, struct loop_watch *watch, int fd, uint32_t events,
                     void (*call)(void *ctx, uint32_t ready, estab_time now), void *ctx,
                     struct failure *why);
/* Changes what is waited for; 0 rests the watch. */
void estab_loop_want(struct loop *loop, struct loop_watch *watch, uint32_t events);
/* Forgets the watch; needed before its descriptor is closed. Does nothing when not watched. */
void estab_loop_unwatch(struct loop *loop, struct loop_watch *watch);

/* Calls once when the time has come; ESTAB_NEVER: not any more. Zeroed at first. */
struct loop_alarm {
    void (*call)(void *ctx, estab_time now);
    void *ctx;
    estab_time at;
    bool listed;
    struct loop_alarm *next;
};
void estab_loop_set_alarm(struct loop *loop, struct loop_alarm *alarm, estab_time at,
                          void (*call)(void *ctx, estab_time now), void *ctx);

/* Called at the end of every turn, after output was sent; one per loop. */
void estab_loop_each_turn(struct loop *loop, void (*call)(void *ctx, estab_time now), void *ctx);

#endif
