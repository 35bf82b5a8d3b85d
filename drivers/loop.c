/* SPDX-License-Identifier: MIT */
/* The loop that drives stacks in real time; see loop.h. */
#include "drivers/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
    BATCH = 64,           /* packets per call of the stack or the link */
    BATCHES_PER_TURN = 8, /* of one link before the others get their turn */
    EVENTS = 64,
};

struct loop_stack {
    struct estab_stack *stack;
    loop_events_fn *events;
    void *ctx;
    struct loop_stack *next;
};

/* Frames first_out .. first_out + n_out - 1 were taken from the stack and not yet by the link. */
struct loop_link {
    struct loop_watch watch;
    struct packet_link port;
    struct loop *loop;
    struct estab_stack *stack;
    unsigned ifindex;
    struct estab_frame out[BATCH];
    uint8_t *out_memory;
    size_t first_out, n_out;
    struct loop_link *next;
};

struct loop {
    int epoll, timer;
    estab_time now;
    estab_time armed; /* the timer's instant; ESTAB_NEVER: not armed */
    bool stop, again; /* again: there is more to do at once */
    bool has_failed;
    struct failure failure;
    struct loop_stack *stacks;
    struct loop_link *links;
    struct loop_watch *always; /* watches that epoll refuses */
    struct loop_alarm *alarms;
    struct loop_tap *taps;
    void (*each_turn)(void *ctx, estab_time now);
    void *each_turn_ctx;
    struct loop_watch timer_watch;
    struct estab_frame in[BATCH]; /* one batch at a time, so shared by all links */
    uint8_t *in_memory;
    uint32_t in_cap;
    struct epoll_event ready[EVENTS];
    int n_ready;
};

static estab_time
read_clock(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return ESTAB_SEC(t.tv_sec) + t.tv_nsec;
}

static void
timer_expired(void *ctx, uint32_t ready, estab_time now)
{
    struct loop *loop = ctx;
    uint64_t times;

    (void)ready;
    (void)now;
    if (read(loop->timer, &times, sizeof times) < 0 && errno != EAGAIN)
        loop->again = true;
    loop->armed = ESTAB_NEVER;
}

struct loop *
estab_loop_new(struct failure *why)
{
    struct loop *loop = calloc(1, sizeof *loop);

    if (loop == NULL) {
        estab_fail(why, "out of memory");
        return NULL;
    }
    loop->armed = ESTAB_NEVER;
    loop->now = read_clock();
    loop->timer = -1;
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll >= 0)
        loop->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (loop->timer < 0) {
        estab_fail(why, "cannot make an epoll and a timer: %s", strerror(errno));
        estab_loop_free(loop);
        return NULL;
    }
    if (estab_loop_watch(loop, &loop->timer_watch, loop->timer, EPOLLIN, timer_expired, loop, why) <
        0) {
        estab_loop_free(loop);
        return NULL;
    }
    return loop;
}

void
estab_loop_free(struct loop *loop)
{
    if (loop == NULL)
        return;
    while (loop->links != NULL) {
        struct loop_link *next = loop->links->next;

        free(loop->links->out_memory);
        free(loop->links);
        loop->links = next;
    }
    while (loop->stacks != NULL) {
        struct loop_stack *next = loop->stacks->next;

        free(loop->stacks);
        loop->stacks = next;
    }
    if (loop->timer >= 0)
        close(loop->timer);
    if (loop->epoll >= 0)
        close(loop->epoll);
    free(loop->in_memory);
    free(loop);
}

estab_time
estab_loop_now(const struct loop *loop)
{
    return loop->now;
}

void
estab_loop_stop(struct loop *loop)
{
    loop->stop = true;
}

/* --- watches --- */

int
estab_loop_watch(struct loop *loop, struct loop_watch *watch, int fd, uint32_t events,
                 void (*call)(void *ctx, uint32_t ready, estab_time now), void *ctx,
                 struct failure *why)
{
    struct epoll_event probe = { .events = 0, .data = { .ptr = watch } };

    *watch = (struct loop_watch){ .call = call, .ctx = ctx, .fd = fd };
    if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &probe) == 0) {
        watch->in_epoll = true;
    } else if (errno == EPERM) {
        watch->always = true;
        watch->next = loop->always;
        loop->always = watch;
    } else {
        return estab_fail(why, "cannot watch descriptor %d: %s", fd, strerror(errno));
    }
    watch->listed = true;
    estab_loop_want(loop, watch, events);
    return 0;
}

void
estab_loop_want(struct loop *loop, struct loop_watch *watch, uint32_t events)
{
    struct epoll_event change = { .events = events, .data = { .ptr = watch } };

    if (!watch->listed)
        return;
    watch->events = events;
    if (watch->always)
        return;
    /* epoll reports a hang-up even to who asked for nothing: a resting watch leaves it. */
    if (events == 0 && watch->in_epoll)
        epoll_ctl(loop->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
    else if (events != 0)
        epoll_ctl(loop->epoll, watch->in_epoll ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, watch->fd, &change);
    watch->in_epoll = events != 0;
}

void
estab_loop_unwatch(struct loop *loop, struct loop_watch *watch)
{
    if (!watch->listed)
        return;
    estab_loop_want(loop, watch, 0);
    for (struct loop_watch **at = &loop->always; *at != NULL; at = &(*at)->next) {
        if (*at == watch) {
            *at = watch->next;
            break;
        }
    }
    for (int i = 0; i < loop->n_ready; i++)
        if (loop->ready[i].data.ptr == watch)
            loop->ready[i].data.ptr = NULL;
    watch->listed = false;
}

void
estab_loop_set_alarm(struct loop *loop, struct loop_alarm *alarm, estab_time at,
                     void (*call)(void *ctx, estab_time now), void *ctx)
{
    alarm->at = at;
    alarm->call = call;
    alarm->ctx = ctx;
    if (!alarm->listed) {
        alarm->listed = true;
        alarm->next = loop->alarms;
        loop->alarms = alarm;
    }
}

void
estab_loop_each_turn(struct loop *loop, void (*call)(void *ctx, estab_time now), void *ctx)
{
    loop->each_turn = call;
    loop->each_turn_ctx = ctx;
}

void
estab_loop_add_tap(struct loop *loop, struct loop_tap *tap)
{
    tap->next = loop->taps;
    loop->taps = tap;
}

/* --- stacks and links --- */

int
estab_loop_add_stack(struct loop *loop, struct estab_stack *stack, loop_events_fn *events,
                     void *ctx, struct failure *why)
{
    struct loop_stack *s = calloc(1, sizeof *s);

    if (s == NULL)
        return estab_fail(why, "out of memory");
    *s = (struct loop_stack){ .stack = stack, .events = events, .ctx = ctx, .next = loop->stacks };
    loop->stacks = s;
    return 0;
}

static void link_ready(void *ctx, uint32_t ready, estab_time now);

/* Frames of `cap` octets each, one after the other. */
static uint8_t *
lay_out(struct estab_frame *frames, uint32_t cap)
{
    uint8_t *memory = malloc((size_t)BATCH * cap);

    for (size_t i = 0; memory != NULL && i < BATCH; i++)
        frames[i] = (struct estab_frame){ .data = memory + i * cap, .cap = cap };
    return memory;
}

int
estab_loop_add_link(struct loop *loop, struct estab_stack *stack, unsigned ifindex,
                    const struct packet_link *port, struct failure *why)
{
    struct loop_link *l = calloc(1, sizeof *l);

    if (l == NULL)
        return estab_fail(why, "out of memory");
    l->port = *port;
    l->loop = loop;
    l->stack = stack;
    l->ifindex = ifindex;
    l->out_memory = lay_out(l->out, port->mtu);
    if (l->out_memory != NULL && port->largest > loop->in_cap) {
        uint8_t *memory = lay_out(loop->in, port->largest);

        if (memory != NULL) {
            free(loop->in_memory);
            loop->in_memory = memory;
            loop->in_cap = port->largest;
        }
    }
    if (l->out_memory == NULL || port->largest > loop->in_cap) {
        free(l->out_memory);
        free(l);
        return estab_fail(why, "out of memory");
    }
    if (port->fd >= 0 &&
        estab_loop_watch(loop, &l->watch, port->fd, EPOLLIN, link_ready, l, why) < 0) {
        free(l->out_memory);
        free(l);
        return -1;
    }
    l->next = loop->links;
    loop->links = l;
    return 0;
}

static void
show_taps(const struct loop_link *l, bool out, const struct estab_frame *frames, size_t n)
{
    for (struct loop_tap *tap = l->loop->taps; tap != NULL; tap = tap->next)
        for (size_t i = 0; i < n; i++)
            tap->call(tap->ctx, l->stack, l->ifindex, out, &frames[i], l->loop->now);
}

static void
take_input(struct loop_link *l)
{
    struct loop *loop = l->loop;

    for (unsigned batch = 0; batch < BATCHES_PER_TURN; batch++) {
        ptrdiff_t n = l->port.receive(l->port.ctx, loop->in, BATCH, loop->now, &loop->failure);

        if (n < 0) {
            loop->has_failed = true;
            estab_loop_unwatch(loop, &l->watch);
        }
        if (n <= 0)
            return;
        show_taps(l, false, loop->in, (size_t)n);
        estab_stack_input(l->stack, l->ifindex, loop->in, (size_t)n, loop->now);
        for (size_t i = 0; i < (size_t)n; i++)
            loop->in[i].len = loop->in[i].flags = 0;
        if (n < BATCH)
            return;
    }
    /* More may wait; epoll is level-triggered, and a link without descriptor has its deadline. */
}

/* Hands the link what was taken from the stack before. False: it takes no more now. */
static bool
send_pending(struct loop_link *l)
{
    ptrdiff_t n;

    if (l->n_out == 0)
        return true;
    n = l->port.transmit(l->port.ctx, l->out + l->first_out, l->n_out, l->loop->now,
                         &l->loop->failure);
    if (n < 0) {
        l->loop->has_failed = true;
        l->n_out = 0;
        return false;
    }
    show_taps(l, true, l->out + l->first_out, (size_t)n);
    l->first_out += (size_t)n;
    l->n_out -= (size_t)n;
    estab_loop_want(l->loop, &l->watch, l->n_out > 0 ? EPOLLIN | EPOLLOUT : EPOLLIN);
    return l->n_out == 0;
}

/* True when the stack had something to send. */
static bool
send_output(struct loop_link *l)
{
    bool any = false;

    for (unsigned batch = 0; batch < BATCHES_PER_TURN; batch++) {
        if (!send_pending(l))
            return any;
        l->first_out = 0;
        l->n_out = estab_stack_output(l->stack, l->ifindex, l->out, BATCH, l->loop->now);
        if (l->n_out == 0)
            return any;
        any = true;
    }
    send_pending(l);
    l->loop->again = true;
    return any;
}

static void
link_ready(void *ctx, uint32_t ready, estab_time now)
{
    struct loop_link *l = ctx;

    (void)now;
    if ((ready & ~(uint32_t)EPOLLOUT) != 0)
        take_input(l);
    /* EPOLLOUT: every turn ends with output. */
}

/* --- a turn --- */

static estab_time
earliest(estab_time a, estab_time b)
{
    return a < b ? a : b;
}

static estab_time
next_deadline(const struct loop *loop)
{
    estab_time at = ESTAB_NEVER;

    for (const struct loop_stack *s = loop->stacks; s != NULL; s = s->next)
        at = earliest(at, estab_stack_deadline(s->stack));
    for (const struct loop_link *l = loop->links; l != NULL; l = l->next)
        if (l->port.fd < 0)
            at = earliest(at, l->port.deadline(l->port.ctx));
    for (const struct loop_alarm *a = loop->alarms; a != NULL; a = a->next)
        at = earliest(at, a->at);
    return at;
}

/* An armed timer that is earlier than need be is left alone: it costs one empty turn, where moving
 * it would cost a system call in every turn of a busy connection. */
static void
arm_timer(struct loop *loop, estab_time at)
{
    struct itimerspec when = { 0 };

    if (at >= loop->armed)
        return;
    when.it_value.tv_sec = (time_t)(at / ESTAB_SEC(1));
    when.it_value.tv_nsec = (long)(at % ESTAB_SEC(1));
    timerfd_settime(loop->timer, TFD_TIMER_ABSTIME, &when, NULL);
    loop->armed = at;
}

static bool
is_any_always_ready(const struct loop *loop)
{
    for (const struct loop_watch *w = loop->always; w != NULL; w = w->next)
        if (w->events != 0)
            return true;
    return false;
}

static void
wait_for_something(struct loop *loop)
{
    estab_time at = next_deadline(loop);
    int timeout = -1;

    if (at <= loop->now || loop->again || is_any_always_ready(loop))
        timeout = 0;
    else if (at != ESTAB_NEVER)
        arm_timer(loop, at);
    loop->again = false;
    loop->n_ready = epoll_wait(loop->epoll, loop->ready, EVENTS, timeout);
    loop->now = read_clock();
}

static void
call_watches(struct loop *loop)
{
    struct loop_watch *next;

    for (int i = 0; i < loop->n_ready; i++) {
        struct loop_watch *w = loop->ready[i].data.ptr;

        if (w != NULL && w->events != 0)
            w->call(w->ctx, loop->ready[i].events, loop->now);
    }
    loop->n_ready = 0;
    for (struct loop_watch *w = loop->always; w != NULL; w = next) {
        next = w->next;
        if (w->events != 0)
            w->call(w->ctx, w->events, loop->now);
    }
    for (struct loop_link *l = loop->links; l != NULL; l = l->next)
        if (l->port.fd < 0 && l->port.deadline(l->port.ctx) <= loop->now)
            take_input(l);
}

static void
let_time_pass(struct loop *loop)
{
    for (struct loop_stack *s = loop->stacks; s != NULL; s = s->next)
        if (estab_stack_deadline(s->stack) <= loop->now)
            estab_stack_tick(s->stack, loop->now);
    for (struct loop_alarm *a = loop->alarms; a != NULL; a = a->next) {
        if (a->at <= loop->now) {
            a->at = ESTAB_NEVER;
            a->call(a->ctx, loop->now);
        }
    }
}

static bool
deliver_events(struct loop *loop)
{
    struct estab_event events[EVENTS];
    bool any = false;

    for (struct loop_stack *s = loop->stacks; s != NULL; s = s->next) {
        size_t n = estab_stack_events(s->stack, events, EVENTS);

        for (size_t i = 0; i < n; i++)
            s->events(s->ctx, &events[i], loop->now);
        any = any || n > 0;
    }
    return any;
}

/* Events make output and output may make events; a turn ends when both are quiet, or after a
 * while, so that input is never starved. */
static void
settle(struct loop *loop)
{
    for (unsigned round = 0; round < BATCHES_PER_TURN; round++) {
        bool any = deliver_events(loop);

        for (struct loop_link *l = loop->links; l != NULL; l = l->next)
            any |= send_output(l);
        if (!any || loop->has_failed)
            return;
    }
    loop->again = true;
}

int
estab_loop_flush(struct loop *loop, struct failure *why)
{
    for (struct loop_link *l = loop->links; l != NULL && !loop->has_failed; l = l->next)
        while (send_output(l) && l->n_out == 0 && !loop->has_failed)
            ;
    if (!loop->has_failed)
        return 0;
    return estab_fail(why, "%s", loop->failure.text);
}

int
estab_loop_run(struct loop *loop, struct failure *why)
{
    loop->stop = false;
    settle(loop);
    while (!loop->stop && !loop->has_failed) {
        wait_for_something(loop);
        if (loop->n_ready < 0) {
            loop->n_ready = 0;
            if (errno != EINTR)
                return estab_fail(why, "cannot poll: %s", strerror(errno));
        }
        call_watches(loop);
        let_time_pass(loop);
        settle(loop);
        if (loop->each_turn != NULL)
            loop->each_turn(loop->each_turn_ctx, loop->now);
    }
    if (loop->has_failed)
        return estab_fail(why, "%s", loop->failure.text);
    return 0;
}
